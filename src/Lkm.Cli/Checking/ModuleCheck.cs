using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Formats.Modules;
using Lkm.Modules;

namespace Lkm.Cli.Checking;

/// <summary>
/// Asks of a module what load_module() would (kernel/module/main.c, version.c), against a kernel's interface, and goes on after a refusal: all reasons are told.
/// </summary>
internal sealed class ModuleCheck
{
    private static readonly string[] s_gplCompatible =
        ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

    private readonly KernelInterface _kernel;
    private readonly ModuleFile _module;
    private readonly List<Refusal> _refusals = [];
    private readonly SortedSet<string> _needs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, uint> _versions = [];
    private readonly Dictionary<string, (ExportedSymbol Symbol, string Module)> _siblings = [];
    private readonly bool _isGpl;

    private ModuleCheck(KernelInterface kernel, ModuleFile module)
    {
        _kernel = kernel;
        _module = module;
        _isGpl = s_gplCompatible.Contains(module.Info["license"u8] ?? "unspecified");
        if (module.Versions().TryGet(out SymbolVersion[]? versions, out _))
        {
            foreach (SymbolVersion version in versions)
                _versions[version.Name] = (uint)version.Crc;
        }
    }

    /// <summary>Checks a module against a kernel.</summary>
    /// <param name="release">The kernel's release.</param>
    /// <param name="kernel">What it offers.</param>
    /// <param name="path">The module's file.</param>
    public static CheckResult Run(string release, KernelInterface kernel, string path)
    {
        Result<ModuleFile> read = ModuleFile.Read(path);
        if (!read.TryGet(out ModuleFile? module, out FormatError? error))
            return new CheckResult(release, [new Refusal("file", null, error.ToString())], []);
        var check = new ModuleCheck(kernel, module);
        if (check.CheckFile())
        {
            check.FindSiblings(path);
            check.CheckMagic();
            check.CheckSymbols();
        }
        return new CheckResult(release, check._refusals, [.. check._needs]);
    }

    /// <summary>Whether the file is a module for this machine at all; if not, nothing else about it means anything.</summary>
    private bool CheckFile()
    {
        ElfFile elf = _module.Elf;
        if (elf.Machine != _kernel.Machine)
            Refuse("architecture", null, $"built for {elf.Machine}, this kernel is for {_kernel.Machine}");
        else if (elf.Type != ElfType.Relocatable)
            Refuse("file", null, $"an ELF file of type {elf.Type}, not a relocatable one");
        else if (elf.FindSection(".gnu.linkonce.this_module"u8) is not { } own)
            Refuse("file", null, "no module: it has no .gnu.linkonce.this_module section");
        else if (_kernel.ModuleSize is { } size && own.Size != size)
            Refuse("layout", null, $"built with a struct module of {own.Size} bytes, this kernel's has {size}");
        const SectionFlags writeExecute = SectionFlags.Write | SectionFlags.Execute;
        foreach (ElfSection section in elf.Sections)
        {
            if ((section.Flags & writeExecute) == writeExecute)
                Refuse("section", null, $"section {section.Name} is both writable and executable");
        }
        return _refusals.TrueForAll(refusal => refusal.Kind is "layout" or "section");
    }

    /// <summary>What the modules beside it export that it says it depends on.</summary>
    private void FindSiblings(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string needed in (_module.Info["depends"u8] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*.ko*"))
            {
                if (ModuleName.Normalize(Path.GetFileName(file).Split('.')[0]) != ModuleName.Normalize(needed))
                    continue;
                foreach (ExportedSymbol export in _kernel.ExportsOf(file).Values)
                    _siblings[export.Name] = (export, needed);
            }
        }
    }

    private void CheckMagic()
    {
        string own = _kernel.VersionMagic;
        if (_module.Info["livepatch"u8] is not null)
            Refuse("file", null, "a live patch, which lkm does not support");
        if (_module.Info["vermagic"u8] is not { } magic)
            Refuse("vermagic", null, "does not say which kernel it was built for (it has no vermagic)");
        else if (!(_versions.Count > 0 ? AfterRelease(magic).SequenceEqual(AfterRelease(own)) : magic == own))
            Refuse("vermagic", null, $"built with vermagic '{magic.TrimEnd()}', this kernel has '{own.TrimEnd()}'");
        if (_kernel.TryFind("module_layout", out ExportedSymbol layout, out _))
            CheckVersion("module_layout", layout, "layout");

        static ReadOnlySpan<char> AfterRelease(string text) => text.IndexOf(' ') is var end and >= 0 ? text.AsSpan(end) : default;
    }

    private void CheckSymbols()
    {
        if (!_module.Imports().TryGet(out ImportedSymbol[]? imports, out FormatError? error))
        {
            Refuse("file", null, error.ToString());
            return;
        }
        List<string> namespaces = _module.Info.All("import_ns"u8);
        foreach (ImportedSymbol import in imports)
        {
            if (import.Name == "_GLOBAL_OFFSET_TABLE_")
                continue; // left behind unused by assemblers before 2.37
            if (Find(import.Name) is not { } export)
            {
                if (!import.IsWeak)
                    Refuse("missing", import.Name, "neither the kernel nor one of its modules exports it");
                continue;
            }
            if (export.IsGplOnly && !_isGpl)
                Refuse("gpl-only", import.Name, $"exported to GPL-compatible modules only; the module's license is '{_module.Info["license"u8] ?? "unspecified"}'");
            if (export.Namespace is { } space && !namespaces.Contains(space))
                Refuse("namespace", import.Name, $"exported in namespace {space}; the module has no MODULE_IMPORT_NS({space})");
            CheckVersion(import.Name, export, "version");
        }
    }

    private ExportedSymbol? Find(string name)
    {
        if (_siblings.TryGetValue(name, out (ExportedSymbol Symbol, string Module) sibling))
        {
            _needs.Add(sibling.Module);
            return sibling.Symbol;
        }
        if (!_kernel.TryFind(name, out ExportedSymbol export, out string? module))
            return null;
        if (module is not null)
            _needs.Add(module);
        return export;
    }

    /// <summary>check_version(): a kernel without checksums takes any.</summary>
    private void CheckVersion(string name, ExportedSymbol export, string kind)
    {
        if (export.Crc is not { } crc)
            return;
        if (!_versions.TryGetValue(name, out uint built))
            Refuse(kind, name, $"the module has no checksum of it; this kernel's is 0x{crc:x8}");
        else if (built != crc)
            Refuse(kind, name, $"built with checksum 0x{built:x8}, this kernel's is 0x{crc:x8}");
    }

    private void Refuse(string kind, string? symbol, string text) => _refusals.Add(new Refusal(kind, symbol, text));
}
