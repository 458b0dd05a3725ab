using Lkm.Formats.Elf;
using Lkm.Formats.Modules;
using Lkm.Formats.Tests.Builders;

namespace Lkm.Formats.Tests.Modules;

public class ModuleFileTests
{
    [Fact]
    public void KeepsInformationInFileOrder()
    {
        ModuleInfo info = ModuleFile.Parse(new ModuleBuilder().Info("license=GPL", "alias=a", "", "novalue", "alias=b=c", "name=hello").Build()).Value.Info;

        Assert.Equal(["license=GPL", "alias=a", "novalue", "alias=b=c", "name=hello"], info.Entries.Select(entry => entry.ToString()));
        Assert.Equal("a", info["alias"u8]);
        Assert.Equal(["a", "b=c"], info.All("alias"u8));
        Assert.Null(info["novalue"]);
        Assert.Equal(("novalue", ""), (info.Entries[2].Key, info.Entries[2].Value));
    }

    [Fact]
    public void ReadsInformationOfOtherMachines()
    {
        var elf = new ElfBuilder { Is64 = false, IsBigEndian = true, Machine = ElfMachine.PPC };
        ModuleFile module = ModuleFile.Parse(new ModuleBuilder(elf).Info("name=hello").Versions(("printk", 0x12345678)).Build()).Value;

        Assert.Equal("hello", module.Name);
        Assert.Equal([new SymbolVersion("printk", 0x12345678)], module.Versions().Value);
    }

    [Fact]
    public void OldModulesAreNamedByTheirStructModule()
    {
        var builder = new ModuleBuilder();
        builder.Elf.AddSection(".gnu.linkonce.this_module", new ByteWriter().Bytes(new byte[24]).Text("hello", 56).ToArray());

        Assert.Equal("hello", ModuleFile.Parse(builder.Build()).Value.Name);
    }

    [Fact]
    public void ReadsVersions()
    {
        byte[] module = new ModuleBuilder().Versions(("module_layout", 0xdeadbeef), (new string('x', 56), 1)).Build();

        Assert.Equal([new SymbolVersion("module_layout", 0xdeadbeef), new SymbolVersion(new string('x', 56), 1)],
            ModuleFile.Parse(module).Value.Versions().Value);
    }

    [Fact]
    public void PrefersExtendedVersions()
    {
        string longName = new('r', 100);
        var builder = new ModuleBuilder().Versions(("printk", 1));
        builder.Elf.AddSection("__version_ext_crcs", new ByteWriter().U32(7).U32(9).ToArray());
        builder.Elf.AddSection("__version_ext_names", new ByteWriter().Text("printk").Text(longName).ToArray());

        Assert.Equal([new SymbolVersion("printk", 7), new SymbolVersion(longName, 9)], ModuleFile.Parse(builder.Build()).Value.Versions().Value);
    }

    [Fact]
    public void VersionsOfTheWrongSizeAreAnError()
    {
        var builder = new ModuleBuilder();
        builder.Elf.AddSection("__versions", new byte[63]);

        Assert.Equal(Errno.EINVAL, ModuleFile.Parse(builder.Build()).Value.Versions().Error!.Errno);
    }

    [Fact]
    public void ReadsExportsAndImports()
    {
        byte[] bytes = new ModuleBuilder()
            .Export("plain", 0x11).Export("limited", 0x22, isGplOnly: true).Export("spaced", 0x33, symbolNamespace: "USB")
            .Import("kfree").Import("maybe", isWeak: true).Build();
        ModuleFile module = ModuleFile.Parse(bytes, "a.ko", ElfKind.Module).Value;

        Assert.Equal(
            [new("plain", null, false, 0x11, 1, 0), new("spaced", "USB", false, 0x33, 1, 32), new("limited", null, true, 0x22, 1, 16)],
            module.Exports().Value);
        Assert.Equal([("kfree", false), ("maybe", true)], module.Imports().Value.Select(import => (import.Name, import.IsWeak)));
    }

    [Fact]
    public void AbsoluteCrcSymbolsAreCrcs()
    {
        var builder = new ModuleBuilder().Export("old", 0x11);
        builder.Elf.AddSymbol("__crc_old", SectionIndex.Absolute, 0xcafe);

        Assert.Equal(0xcafeu, ModuleFile.Parse(builder.Build()).Value.Exports().Value.Single().Crc);
    }

    [Fact]
    public void FlagsOfLinux7SayWhatIsGplOnly()
    {
        var builder = new ModuleBuilder().Export("plain", 1).Export("limited", 2);
        builder.Elf.AddSection("__kflagstab", [0, 1]);

        Assert.Equal([false, true], ModuleFile.Parse(builder.Build()).Value.Exports().Value.Select(export => export.IsGplOnly));
    }

    [Fact]
    public void ExportsWithoutRelocationsAreAnError()
    {
        var builder = new ModuleBuilder().Import("kfree");
        builder.Elf.AddSection("__ksymtab", new byte[12]);

        Assert.Contains("entry 0 of __ksymtab has no relocations", ModuleFile.Parse(builder.Build()).Value.Exports().Error!.Reason);
    }

    [Fact]
    public void ReadsExportsOfALinkedKernel()
    {
        const ulong tableAddress = 0xffffffff82000000, stringsAddress = 0xffffffff82100000, textAddress = 0xffffffff81000000;
        var builder = new ElfBuilder { Type = ElfType.Executable };
        builder.AddSection("__ksymtab", new ByteWriter()
            .U32(0x40 - 0x1000000).U32(0x100000 + 1 - 4).U32(0x100000 - 8)
            .ToArray(), address: tableAddress);
        builder.AddSection("__kcrctab", new ByteWriter().U32(0xabcdef01).ToArray(), address: tableAddress + 0x100);
        builder.AddSection("__ksymtab_strings", new ByteWriter().Text("").Text("kfree").ToArray(), address: stringsAddress);

        ElfFile vmlinux = ElfFile.Parse(builder.Build(), "vmlinux", ElfKind.Kernel).Value;

        Assert.Equal([new ExportedSymbol("kfree", null, false, 0xabcdef01, 0, textAddress + 0x40)], KernelExports.Read(vmlinux).Value);
    }
}
