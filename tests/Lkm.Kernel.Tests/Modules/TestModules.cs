using System.Text;
using Lkm.Distribution;
using Lkm.Formats.Elf;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>The modules of the folder <c>modules</c>, built by kbuild for Debian's kernel, and what is made of them by patching.</summary>
public sealed class TestModules
{
    private readonly Dictionary<string, byte[]> _files = [];

    /// <summary>Builds the modules, once for each version of their sources.</summary>
    public TestModules()
    {
        var cache = LkmCache.FromEnvironment();
        var locator = new KernelLocator(cache);
        var kernel = locator.AddHeaders(locator.Locate(KernelLocator.Default).Value!).Value!;
        var folder = cache.PathOf("tests", "modules", kernel.Version);
        Directory.CreateDirectory(folder);
        foreach (var source in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Modules", "modules")))
            CopyIfChanged(source, Path.Combine(folder, Path.GetFileName(source)));
        var built = Kbuild.UpToDate(folder, kernel);
        if (built is null)
        {
            var result = new Kbuild(cache).Build(folder, kernel);
            Assert.True(result.Error is null, result.Error + "\n" + result.Output);
            built = result.Modules;
        }

        foreach (var path in built)
            _files[Path.GetFileName(path)] = File.ReadAllBytes(path);
        AddPatched();
    }

    /// <summary>A module by its file name.</summary>
    public byte[] this[string file] => _files[file];

    private static void CopyIfChanged(string source, string target)
    {
        if (!File.Exists(target) || File.ReadAllText(source) != File.ReadAllText(target))
            File.WriteAllText(target, File.ReadAllText(source)); // written, not copied with its time: it is newer than what was built before
    }

    private void AddPatched()
    {
        var subject = _files["subject.ko"];
        var consumer = _files["consumer.ko"];
        _files["truncated.ko"] = subject[..(subject.Length / 2)];
        _files["short.ko"] = subject[..40];
        _files["text.ko"] = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("#!/bin/sh\necho this is no module\n", 4)));
        Add("aarch64.ko", subject, patch => patch.Write16(18, (ushort)ElfMachine.AARCH64));
        Add("exec.ko", subject, patch => patch.Write16(16, (ushort)ElfType.Executable));
        Add("vermagic.ko", subject, patch => patch.Replace(" SMP preempt", " SMP PREEMPT"));
        Add("release.ko", subject, patch => patch.Replace("6.1.0-", "6.1.9-"));
        Add("nomagic.ko", subject, patch => patch.Replace("vermagic=", "vxrmagic="));
        Add("noversions.ko", subject, patch => patch.SetFlags("__versions", _ => SectionFlags.None));
        Add("norelease.ko", subject, patch => patch.Replace("6.1.0-", "6.1.9-").SetFlags("__versions", _ => SectionFlags.None));
        Add("layoutcrc.ko", subject, patch => patch.SpoilVersion("module_layout"));
        Add("printkcrc.ko", subject, patch => patch.SpoilVersion("_printk"));
        Add("unknown.ko", subject, patch => patch.RenameSymbol("_printk", "_prinxk"));
        Add("proprietary.ko", subject, patch => patch.Replace("license=GPL\0", "license=XYZ\0"));
        Add("nons.ko", consumer, patch => patch.Replace("import_ns=LKM_TEST", "import_ns=LKM_TOST"));
        Add("stripped.ko", subject, patch => patch.SetType(".symtab", SectionType.ProgramBits));
        Add("nomodule.ko", subject, patch => patch.Replace(".gnu.linkonce.this_module", ".gnu.linkonce.this_mxdule"));
        Add("wx.ko", subject, patch => patch.SetFlags(".text", flags => flags | SectionFlags.Write));
        Add("badreloc.ko", subject, patch => patch.SetRelocationType(".rela.init.text", 99));
        Add("overflow.ko", subject, patch => patch.SetAddend(".rela.init.text", X86RelocationType.R_X86_64_32S, 0x123456789));
        Add("nonzero.ko", subject, patch => patch.SpoilPlace(".rela.init.text", 7));
        Add("klp.ko", _files["livepatch.ko"], patch => patch
            .MakeLivepatch("klp_of_patchee_original__", ".klp.sym.patchee.helper,0", ".relaklp_patchee_data12", ".klp.rela.patchee.data1")
            .MakeLivepatch("klp_of_vmlinux_variable___", ".klp.sym.vmlinux.pid_max,0", ".relaklp_vmlinux_data12", ".klp.rela.vmlinux.data1"));
        _files["trailing.ko"] = new ModulePatch(subject).With(new byte[40]);
        _files["badsig.ko"] = new ModulePatch(subject).With([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 10, .. "~Module signature appended~\n"u8]);
    }

    private void Add(string file, byte[] module, Func<ModulePatch, ModulePatch> change) => _files[file] = change(new ModulePatch(module)).Bytes;
}
