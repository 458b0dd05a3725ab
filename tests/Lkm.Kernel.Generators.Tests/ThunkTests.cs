namespace Lkm.Kernel.Generators.Tests;

public sealed class ThunkTests
{
    private const ulong Ones = ulong.MaxValue;

    /// <summary>Decoding takes the argument's own bits; encoding extends them by the type's sign.</summary>
    [Theory]
    [InlineData("ulong", 0xfedcba9876543210, 0xfedcba9876543210, "0xfedcba9876543210")]
    [InlineData("long", Ones, Ones, "-1")]
    [InlineData("uint", 0xdeadbeef_80000001, 0x80000001, "0x80000001")]
    [InlineData("int", 0xdeadbeef_fffffff4, 0xfffffffffffffff4, "-12")]
    [InlineData("int", 0xdeadbeef_7fffffff, 0x7fffffff, "2147483647")]
    [InlineData("ushort", 0xdeadffff, 0xffff, "0xffff")]
    [InlineData("short", 0xdead8000, 0xffffffffffff8000, "-32768")]
    [InlineData("byte", 0xfff0, 0xf0, "0xf0")]
    [InlineData("sbyte", 0x180, 0xffffffffffffff80, "-128")]
    [InlineData("bool", 0xff01, 1, "true")]
    [InlineData("bool", 0xff00, 0, "false")]
    [InlineData("Gfp", 0xdeadbeef_80000cc0, 0x80000cc0, "0x80000cc0")]
    [InlineData("Errno", 0xfffffff4, 0xfffffffffffffff4, "-12")]
    [InlineData("Tiny", 0x1ff, 0xff, "0xff")]
    [InlineData("Huge", Ones, Ones, "0xffffffffffffffff")]
    [InlineData("Sample.Inner", 0xffff, 0xffffffffffffffff, "-1")]
    public void A_value_passes_through_as_the_ABI_has_it(string type, ulong register, ulong rax, string shown)
    {
        var run = GeneratorRun.Of(
            $$"""
            public enum Gfp : uint { Kernel = 0xcc0 }
            public enum Errno { NoMemory = -12 }
            public enum Tiny : byte { }
            public enum Huge : ulong { }
            public sealed partial class Sample
            {
                private enum Inner : short { }
                [KernelFunction("plain")] private {{type}} Plain({{type}} x) => x;
                [KernelFunction("task")] private async GuestTask<{{type}}> Task({{type}} x) { await Gate; return x; }
                public GuestTask Gate = new();
            }
            """);
        dynamic sample = run.Create();

        var plain = run.Caller(sample, "plain", register);
        plain.Call();
        Assert.False(plain.Pending);
        Assert.Equal(rax, plain.Rax);
        Assert.Equal("x=" + shown, plain.Format());

        var task = run.Caller(sample, "task", register);
        task.Call();
        Assert.True(task.Pending);
        Assert.Null(task.Rax);
        sample.Gate.Complete();
        Assert.False(task.Pending);
        Assert.Equal(rax, task.Rax);

        var done = run.Caller(sample, "task", register);
        done.Call();
        Assert.False(done.Pending);
        Assert.Equal(rax, done.Rax);
    }

    [Fact]
    public void A_void_function_leaves_rax_alone()
    {
        var run = GeneratorRun.Of(
            """
            public sealed partial class Sample
            {
                public ulong Freed;
                [KernelFunction("kfree")] public void Free(ulong pointer) => Freed = pointer;
            }
            """);
        dynamic sample = run.Create();
        var call = run.Caller(sample, "kfree", 0x1234UL);
        call.Call();
        Assert.Null(call.Rax);
        Assert.Equal(0x1234UL, sample.Freed);
    }

    [Fact]
    public void A_pending_void_task_is_returned_itself()
    {
        var run = GeneratorRun.Of(
            """
            public sealed partial class Sample
            {
                public GuestTask Gate = new();
                [KernelFunction("schedule")] public GuestTask Schedule() => Gate;
            }
            """);
        dynamic sample = run.Create();
        var call = run.Caller(sample, "schedule");
        call.Call();
        Assert.True(call.Pending);
        sample.Gate.Complete();
        Assert.False(call.Pending);
        Assert.Null(call.Rax);
        Assert.Equal("", call.Format());
    }

    [Theory]
    [InlineData("GuestTask", "return;")]
    [InlineData("GuestTask<int>", "return 0;")]
    public void What_a_task_throws_reaches_the_dispatcher(string type, string end)
    {
        var run = GeneratorRun.Of(
            $$"""
            public sealed partial class Sample
            {
                public GuestTask Gate = new();
                [KernelFunction("f")] public async {{type}} F(bool fail)
                {
                    await Gate;
                    if (fail) throw new System.InvalidOperationException("broken");
                    {{end}}
                }
            }
            """);
        dynamic sample = run.Create();
        var late = run.Caller(sample, "f", 1UL);
        late.Call();
        sample.Gate.Complete();
        Assert.Throws<InvalidOperationException>(() => { late.Rethrow(); });
        var early = run.Caller(sample, "f", 1UL);
        Assert.Throws<InvalidOperationException>(() => { early.Call(); });
    }

    [Fact]
    public void The_frame_takes_no_register_and_arguments_go_beyond_six()
    {
        var run = GeneratorRun.Of(
            """
            public sealed partial class Sample
            {
                [KernelFunction("many")]
                public ulong Many(ulong a, CallFrame frame, uint b, int c, ulong d, ulong e, ulong f, byte g, ulong @event) =>
                    frame.ReturnAddress + a + b + (ulong)c + d + e + f + g + @event;
            }
            """);
        var sample = run.Create();
        var call = run.Caller(sample, "many", 1, 2, 3, 4, 5, 6, 7, 8);
        call.Call();
        Assert.Equal(0xfeedUL + 36, call.Rax);
        Assert.Equal("a=0x1, b=0x2, c=3, d=0x4, e=0x5, f=0x6, g=0x7, event=0x8", call.Format());
        Assert.Equal(
            "0|many|Full||ulong many(ulong a, uint b, int c, ulong d, ulong e, ulong f, byte g, ulong event)|8", run.Table(sample).Single());
    }

    [Fact]
    public void Each_name_of_a_method_is_a_row_with_its_index()
    {
        var run = GeneratorRun.Of(
            """
            public sealed partial class Sample
            {
                [KernelFunction("__kmalloc")]
                [KernelFunction("__kmalloc_noprof", Since = "6.10", Support = Support.Partial, Note = "no \"accounting\"\n")]
                public ulong Allocate(ulong size, uint gfp) => size;

                [KernelFunction("ksize.part.0")] public GuestTask<bool> Size() => throw null!;
                [KernelFunction("kfree")] public async GuestTask Free(int x) => await Size();
            }
            """);
        Assert.Equal(
            [
                "0|__kmalloc|Full||ulong __kmalloc(ulong size, uint gfp)|2",
                "0|__kmalloc_noprof|Partial|no \"accounting\"\n|ulong __kmalloc_noprof(ulong size, uint gfp)|2",
                "1|ksize.part.0|Full||bool ksize.part.0()|0",
                "2|kfree|Full||void kfree(int x)|1",
            ],
            run.Table(run.Create()));
    }

    [Fact]
    public void Overloads_static_methods_and_escaped_names_are_called_as_they_are()
    {
        var run = GeneratorRun.Of(
            """
            public sealed partial class @class
            {
                [KernelFunction("a")] public uint F(ulong x) => 1;
                [KernelFunction("b")] public uint F(uint x) => 2;
                [KernelFunction("c")] public static uint F(byte x) => 3;
                [KernelFunction("d")] public uint @default() => 4;
            }
            """);
        var sample = run.Create("class");
        Assert.Equal([1UL, 2, 3, 4], new[] { "a", "b", "c", "d" }.Select(Call));

        ulong Call(string name)
        {
            var call = run.Caller(sample, name, 0UL);
            call.Call();
            return call.Rax;
        }
    }

    [Fact]
    public void A_class_may_be_nested_and_spread_over_files()
    {
        var run = GeneratorRun.Of(
            """
            namespace Some.Space;
            public partial struct Outer
            {
                public sealed partial record Inner { [KernelFunction("one")] public int One() => 1; }
            }
            """,
            """
            namespace Some.Space;
            public partial struct Outer
            {
                partial record Inner { [KernelFunction("two")] public int Two() => 2; }
            }
            """);
        var sample = run.Create("Some.Space.Outer+Inner");
        Assert.Equal(["0|one|Full||int one()|0", "1|two|Full||int two()|0"], run.Table(sample));
        Assert.Equal(["Some.Space.Outer.Inner.KernelFunctions.g.cs"], run.Files);
    }

    [Fact]
    public void An_index_outside_the_table_is_refused()
    {
        var run = GeneratorRun.Of("""public sealed partial class Sample { [KernelFunction("f")] public void F() { } }""");
        var call = run.Caller(run.Create(), "f");
        Assert.Throws<ArgumentOutOfRangeException>(() => { call.CallIndex(1); });
    }

    [Fact]
    public void Without_marked_methods_nothing_is_generated() =>
        Assert.Empty(GeneratorRun.Of("public class Sample { public void F() { } }").Files);
}
