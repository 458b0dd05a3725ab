using Lkm.Formats.Elf;
using Lkm.Formats.Tests.Builders;

namespace Lkm.Formats.Tests.Elf;

public class ElfFileTests
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void ReadsSectionsAndSymbolsOfEitherClassAndByteOrder(bool is64, bool isBigEndian)
    {
        var builder = new ElfBuilder { Is64 = is64, IsBigEndian = isBigEndian, Machine = is64 ? ElfMachine.S390 : ElfMachine.PPC };
        int text = builder.AddSection(".text", [1, 2, 3, 4], SectionFlags.Alloc | SectionFlags.Execute);
        builder.AddNoBits(".bss", 0x1000);
        builder.AddSymbol("start", text, 2, SymbolBinding.Local, SymbolType.Function, 2);
        builder.AddSymbol("printk", SectionIndex.Undefined, binding: SymbolBinding.Weak);

        ElfFile file = ElfFile.Parse(builder.Build()).Value;

        Assert.Equal((is64, isBigEndian), (file.Layout.Is64, file.Layout.IsBigEndian));
        ElfSection section = file.FindSection(".text"u8)!;
        Assert.Equal([1, 2, 3, 4], section.Data.ToArray());
        Assert.Equal(SectionFlags.Alloc | SectionFlags.Execute, section.Flags);
        ElfSection bss = file.FindSection(".bss")!;
        Assert.Equal((0x1000UL, 0), (bss.Size, bss.Data.Length));
        ElfSymbolTable symbols = file.Symbols().Value!;
        Assert.Equal(3, symbols.Count);
        Assert.True(symbols.TryFind("start"u8, out ElfSymbol start));
        Assert.Equal((text, 2UL, 2UL, SymbolBinding.Local, SymbolType.Function), (start.Section, start.Value, start.Size, start.Binding, start.Type));
        Assert.True(symbols[2] is { IsUndefined: true, Binding: SymbolBinding.Weak });
        Assert.Equal("printk", symbols.Name(symbols[2]));
        Assert.Null(file.FindSection(".data"u8));
    }

    [Fact]
    public void ReadsRelocations()
    {
        var builder = new ElfBuilder();
        int text = builder.AddSection(".text", new byte[16]);
        int symbol = builder.AddSymbol("kfree", SectionIndex.Undefined);
        builder.AddRelocation(text, 12, X86RelocationType.R_X86_64_PLT32, symbol, -4);

        ElfFile file = ElfFile.Parse(builder.Build(), "a.ko", ElfKind.Module).Value;
        ElfRelocationTable table = file.RelocationsFor(file.FindSection(".text"u8)!).Value!;

        Assert.Equal(1, table.Count);
        Assert.Equal(new ElfRelocation(12, (uint)X86RelocationType.R_X86_64_PLT32, symbol, -4), table[0]);
        Assert.Equal("R_X86_64_PLT32", table[0].X86Type.Name());
        Assert.Equal(".text", table.Target.Name);
    }

    [Fact]
    public void RefusesRelocationsOutsideTheirSection()
    {
        var builder = new ElfBuilder();
        int text = builder.AddSection(".text", new byte[16]);
        builder.AddRelocation(text, 13, X86RelocationType.R_X86_64_PC32, builder.AddSymbol("kfree", SectionIndex.Undefined));

        ElfFile file = ElfFile.Parse(builder.Build()).Value;
        FormatError error = file.RelocationsFor(file.FindSection(".text"u8)!).Error!;

        Assert.Contains("relocation 0 of .rela.text writes at 0xd, beyond the 0x10 bytes of .text", error.Reason);
    }

    [Fact]
    public void FindsTheBuildId()
    {
        var builder = new ElfBuilder();
        byte[] other = new ByteWriter().U32(6).U32(4).U32(0x101).Text("Linux").Align(4).U32(0).ToArray();
        byte[] id = new ByteWriter().U32(4).U32(3).U32(3).Text("GNU").Bytes([0xab, 0xcd, 0xef]).Align(4).ToArray();
        builder.AddSection(".note.Linux", other, type: SectionType.Note);
        builder.AddSection(".note.gnu.build-id", id, type: SectionType.Note);

        Assert.Equal([0xab, 0xcd, 0xef], ElfFile.Parse(builder.Build()).Value.BuildId().ToArray());
    }

    /// <summary>What is wrong with a file, and what elf_validity_check() of Linux 6.1 logs for it.</summary>
    [Theory]
    [InlineData("empty", "too short", 0, "Invalid ELF header len 0")]
    [InlineData("63 bytes", "too short", 0, "Invalid ELF header len 63")]
    [InlineData("text", "not an ELF file", 0, "Invalid ELF header magic: != \u007fELF")]
    [InlineData("executable", "not a relocatable file, as modules are: ELF type is executable", 16, "Invalid ELF header type: 2 != 1")]
    [InlineData("aarch64", "built for AArch64, not for x86-64", 18, "Invalid architecture in ELF header: 183")]
    [InlineData("i386", "built for Intel 80386, not for x86-64", 18, "Invalid architecture in ELF header: 3")]
    [InlineData("entry size", "section headers of 63 bytes", 58, "Invalid ELF section header size")]
    [InlineData("truncated", "truncated?", 40, "Invalid ELF section header overflow")]
    [InlineData("names index", "cannot hold the section names", 62, "Invalid ELF section name index: 9 || e_shstrndx (9) >= e_shnum (3)")]
    [InlineData("section end", "section 1 (.text) (0x40, 0x7fffffffffffffff bytes) lies beyond the end", null, "Invalid ELF section in module (section 1 type 1)")]
    [InlineData("section 0", "section 0 is not the empty null section", null, "ELF Spec violation: section 0 type(1)!=SH_NULL or non-zero len or addr")]
    [InlineData("name offset", "name of section 1 starts at 0xfff", null, "Invalid ELF section name in module (section 1 type 1)")]
    public void SaysWhatIsWrongWithAModule(string damage, string reason, int? offset, string kernelMessage)
    {
        FormatError error = ElfFile.Parse(Damage(damage), "a.ko", ElfKind.Module).Error!;

        Assert.Contains(reason, error.Reason);
        Assert.Equal("a.ko", error.File);
        Assert.Equal(Errno.ENOEXEC, error.Errno);
        Assert.Equal(kernelMessage, error.KernelMessage);
        if (offset is not null)
            Assert.Equal((long)offset, error.Offset);
    }

    [Fact]
    public void RefusesSymbolsThatPointNowhere()
    {
        var builder = new ElfBuilder();
        builder.AddSymbol("lost", 77);

        FormatError error = ElfFile.Parse(builder.Build()).Value.Symbols().Error!;

        Assert.Contains("symbol 1 (lost) lies in section 77", error.Reason);
    }

    private static byte[] Damage(string damage)
    {
        byte[] file = new ElfBuilder().With(builder => builder.AddSection(".text", new byte[8])).Build();
        int table = BitConverter.ToInt32(file, 40);
        switch (damage)
        {
            case "empty":
                return [];
            case "63 bytes":
                return file[..63];
            case "text":
                return "This is plain text and not a module, however long it may be, really."u8.ToArray();
            case "executable":
                return new ElfBuilder { Type = ElfType.Executable }.Build();
            case "aarch64":
                return new ElfBuilder { Machine = ElfMachine.AARCH64 }.Build();
            case "i386":
                return new ElfBuilder { Machine = ElfMachine.I386, Is64 = false }.Build();
            case "entry size":
                file[58] = 63;
                return file;
            case "truncated":
                return file[..^1];
            case "names index":
                file[62] = 9;
                return file;
            case "section end":
                BitConverter.TryWriteBytes(file.AsSpan(table + 64 + 32), long.MaxValue);
                return file;
            case "section 0":
                file[table + 4] = 1;
                return file;
            default:
                BitConverter.TryWriteBytes(file.AsSpan(table + 64), 0xfff);
                return file;
        }
    }
}

internal static class BuilderExtensions
{
    public static T With<T>(this T builder, Action<T> act)
    {
        act(builder);
        return builder;
    }
}
