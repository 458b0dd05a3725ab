using Lkm.Formats.Btf;
using Lkm.Formats.Tests.Builders;

namespace Lkm.Formats.Tests.Btf;

public class BtfTests
{
    private static readonly BtfBuilder Kernel = MakeKernel();
    private static readonly BtfTypes Types = BtfTypes.Parse(Kernel.Build()).Value;

    [Theory]
    [InlineData("state", 0)]
    [InlineData("next", 16)]
    [InlineData("thread", 32)]
    [InlineData("thread.sp", 40)]
    [InlineData("thread.tls_array[2]", 32 + 16 + 16)]
    [InlineData("thread.tls_array[2].limit", 32 + 16 + 16 + 4)]
    public void KnowsOffsetsAlongAPath(string path, int offset)
    {
        Assert.Equal(offset, Types.Struct("task_struct").Offset(path));
        Assert.True(Types.Struct("task_struct").TryOffset(path, out int same));
        Assert.Equal(offset, same);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("state.inner")]
    [InlineData("thread.tls_array[3]")]
    [InlineData("thread.tls_array[x]")]
    [InlineData("state[0]")]
    [InlineData("")]
    public void MissingMembersAreToldApart(string path)
    {
        Assert.False(Types.Struct("task_struct").TryOffset(path, out _));
        Assert.Throws<BtfLookupException>(() => Types.Struct("task_struct").Offset(path));
    }

    [Fact]
    public void KnowsBitFields()
    {
        BtfMember flag = Types.Struct("task_struct").Member("flag");

        Assert.Equal((8UL * 8 + 3, 8UL, 1, true), (flag.BitOffset, flag.Offset, flag.BitSize, flag.IsBitField));
        Assert.False(Types.Struct("task_struct").TryOffset("flag", out _));
        Assert.Throws<BtfLookupException>(() => Types.Struct("task_struct").Offset("flag"));
    }

    [Fact]
    public void KnowsSizes()
    {
        Assert.Equal(72, Types.Struct("task_struct").Size);
        Assert.True(Types.TrySize("u64", out ulong size));
        Assert.Equal(8UL, size);
        Assert.Equal(24UL, Types.Struct("thread_struct").Member("tls_array").Type.Size);
        Assert.False(Types.TrySize("missing", out _));
    }

    [Theory]
    [InlineData("state", "unsigned int state")]
    [InlineData("next", "struct task_struct *next")]
    [InlineData("thread.tls_array", "struct desc_struct tls_array[3]")]
    public void WritesMembersInC(string path, string declaration) =>
        Assert.Equal(declaration, Types.Struct("task_struct").Member(path).Type.Declare(path.Split('.')[^1]));

    [Fact]
    public void WritesFunctionsInC()
    {
        Assert.True(Types.TryFunction("register_thing", out BtfFunction function));
        Assert.Equal("struct task_struct *register_thing(int (*callback)(void *, u64), const char *const name, ...)", function.ToString());
        Assert.Equal(["callback", "name"], function.Parameters.Select(parameter => parameter.Name));
        Assert.True(function.IsVariadic);
        Assert.Equal("struct task_struct *", function.ReturnType.ToString());
        Assert.False(Types.TryFunction("missing", out _));
    }

    [Fact]
    public void WritesArraysOfFunctionPointers()
    {
        var builder = new BtfBuilder();
        int handler = builder.Reference(BtfKind.Pointer, builder.Prototype(0));
        BtfType array = BtfTypes.Parse(Build(builder, builder.Array(handler, 4), out int id)).Value[id];

        Assert.Equal("void (*table[4])(void)", array.Declare("table"));
    }

    [Fact]
    public void KnowsEnumerators()
    {
        Assert.Equal(-1, Types.Enumerator("STATE_BAD"));
        Assert.Equal(0x1_0000_0000, Types.Enumerator("WIDE"));
        Assert.False(Types.TryEnumerator("missing", out _));
        Assert.Throws<BtfLookupException>(() => Types.Enumerator("missing"));
    }

    [Fact]
    public void AModuleContinuesTheKernelsTypes()
    {
        var builder = new BtfBuilder(Kernel.Count, Kernel.StringsLength);
        Assert.True(Types.TryFind("task_struct", BtfKind.Struct, out BtfType task));
        builder.Composite(BtfKind.Struct, "mine", 80, ("task", task.Id, 0, 0), ("own", builder.Int("short", 2), 72 * 8, 0));

        BtfTypes module = BtfTypes.Parse(builder.Build(), Types).Value;

        Assert.Equal(40, module.Struct("mine").Offset("task.thread.sp"));
        Assert.Equal(72, module.Struct("mine").Offset("own"));
        Assert.Equal(72, module.Struct("task_struct").Size);
        Assert.False(Types.TryStruct("mine", out _));
    }

    [Fact]
    public void AKeptIndexOpensTheSameTypes()
    {
        byte[] section = Kernel.Build();
        BtfTypes opened = BtfTypes.Open(section, Types.Index.ToArray()).Value;

        Assert.Equal(40, opened.Struct("task_struct").Offset("thread.sp"));
        Assert.Equal(Errno.EINVAL, BtfTypes.Open(new BtfBuilder().Build(), Types.Index).Error!.Errno);
    }

    [Fact]
    public void SaysWhatIsWrong()
    {
        Assert.Contains("too short", BtfTypes.Parse(new byte[10]).Error!.Reason);
        Assert.Contains("not type information", BtfTypes.Parse(new byte[30]).Error!.Reason);
        Assert.Contains("type 1 is of kind 31, which is not known", Error(builder => builder.Add("", (BtfKind)31, 0, false, 0, _ => { })));
        Assert.Contains("type 1 refers to type 99, and there are 2", Error(builder => builder.Reference(BtfKind.Pointer, 99)));
        Assert.Contains("reaches beyond the end", Error(builder => builder.Add("", BtfKind.Struct, 9, false, 0, _ => { })));
        Assert.Contains("has an entry of type 77", Error(builder => builder.Composite(BtfKind.Struct, "s", 4, ("a", 77, 0, 0))));
    }

    [Fact]
    public void TypesThatContainThemselvesEnd()
    {
        var builder = new BtfBuilder();
        builder.Composite(BtfKind.Struct, "loop", 8, ("", 1, 0, 0), ("", 1, 0, 0));
        int typedef = builder.Reference(BtfKind.Typedef, 2, "circle");
        int array = builder.Array(3, 2);
        int prototype = builder.Prototype(4, ("", 4), ("", 4));
        BtfTypes types = BtfTypes.Parse(builder.Build()).Value;

        Assert.False(types.Struct("loop").TryOffset("missing", out _));
        Assert.Equal(BtfKind.Void, types[typedef].Resolved.Kind);
        Assert.Equal(0UL, types[array].Size);
        Assert.NotEmpty(types[prototype].ToString());
    }

    private static string Error(Action<BtfBuilder> build)
    {
        var builder = new BtfBuilder();
        build(builder);
        return BtfTypes.Parse(builder.Build(), file: "vmlinux").Error!.Reason;
    }

    private static byte[] Build(BtfBuilder builder, int last, out int id)
    {
        id = last;
        return builder.Build();
    }

    private static BtfBuilder MakeKernel()
    {
        var builder = new BtfBuilder();
        int uint32 = builder.Int("unsigned int", 4);
        int u64 = builder.Reference(BtfKind.Typedef, builder.Int("long unsigned int", 8), "u64");
        int descriptor = builder.Composite(BtfKind.Struct, "desc_struct", 8, ("base", uint32, 0, 0), ("limit", uint32, 32, 0));
        int thread = builder.Composite(BtfKind.Struct, "thread_struct", 40,
            ("ip", u64, 0, 0), ("sp", u64, 64, 0), ("tls_array", builder.Array(descriptor, 3), 128, 0));
        int taskPointer = builder.Count;
        builder.Reference(BtfKind.Pointer, taskPointer + 2);
        int union = builder.Composite(BtfKind.Union, "", 16, ("next", taskPointer, 0, 0), ("number", u64, 0, 0));
        builder.Composite(BtfKind.Struct, "task_struct", 72,
            ("state", uint32, 0, 0), ("flag", uint32, 8 * 8 + 3, 1), ("", union, 16 * 8, 0), ("thread", thread, 32 * 8, 0));

        int integer = builder.Int("int", 4, isSigned: true);
        int text = builder.Reference(BtfKind.Const, builder.Reference(BtfKind.Pointer, builder.Reference(BtfKind.Const, builder.Int("char", 1))));
        int callback = builder.Reference(BtfKind.Pointer, builder.Prototype(integer, ("", builder.Reference(BtfKind.Pointer, 0)), ("", u64)));
        int prototype = builder.Prototype(taskPointer, ("callback", callback), ("name", text), ("", 0));
        builder.Reference(BtfKind.Function, prototype, "register_thing");
        builder.Enum("state", ("STATE_GOOD", 0), ("STATE_BAD", -1));
        builder.Enum64("wide", ("WIDE", 0x1_0000_0000));
        return builder;
    }
}
