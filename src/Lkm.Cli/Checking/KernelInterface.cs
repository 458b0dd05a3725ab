using System.Text;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Formats.Btf;
using Lkm.Formats.Elf;
using Lkm.Formats.Images;
using Lkm.Formats.Kallsyms;
using Lkm.Formats.Modules;
using Lkm.Modules;

namespace Lkm.Cli.Checking;

/// <summary>What a kernel offers to modules, read from its image and the modules that belong to it. Nothing is booted.</summary>
internal sealed class KernelInterface
{
    private readonly Dictionary<string, ExportedSymbol> _exports = [];
    private readonly Dictionary<string, Dictionary<string, ExportedSymbol>> _moduleExports = [];
    private readonly ModuleContext? _modules;

    private KernelInterface(KernelSource source) =>
        _modules = source.ModulesDirectory is { } directory ? new ModuleContext(ModuleDirectory.Open(directory), ModprobeConfiguration.Empty) : null;

    /// <summary>The kernel's version magic.</summary>
    public required string VersionMagic { get; init; }

    /// <summary>The machine that it is for.</summary>
    public required ElfMachine Machine { get; init; }

    /// <summary>Bytes of its struct module; null when its image tells no types.</summary>
    public ulong? ModuleSize { get; init; }

    /// <summary>Reads a kernel's.</summary>
    public static Outcome<KernelInterface> Read(KernelSource source)
    {
        if (!KernelImage.Read(source.ImagePath).TryGet(out KernelImage? image, out FormatError? error)
            || !KernelExports.Read(image.Elf).TryGet(out ExportedSymbol[]? exports, out error)
            || !KallsymsReader.Read(image).TryGet(out SymbolTable? symbols, out error))
            return Outcome<KernelInterface>.Failure(error.ToString());
        if (!symbols.TryGetAddress("vermagic", out ulong address) || Text(image.Elf, address) is not { } magic)
            return Outcome<KernelInterface>.Failure($"{source.ImagePath}: tells no version magic");
        var result = new KernelInterface(source)
        {
            VersionMagic = magic,
            Machine = image.Elf.Machine,
            ModuleSize = BtfTypes.Read(image.Elf).TryGet(out BtfTypes? types, out _) && types.TrySize("module", out ulong size) ? size : null,
        };
        foreach (ExportedSymbol export in exports)
            result._exports[export.Name] = export;
        return result;
    }

    /// <summary>Finds a symbol: the kernel's, or that of one of its modules.</summary>
    /// <param name="name">The symbol.</param>
    /// <param name="export">On which terms it is exported.</param>
    /// <param name="module">The module that exports it; null for the kernel.</param>
    public bool TryFind(string name, out ExportedSymbol export, out string? module)
    {
        module = null;
        if (_exports.TryGetValue(name, out export))
            return true;
        foreach (ModuleEntry entry in _modules?.Lookup("symbol:" + name) ?? [])
        {
            if (entry.Path is { } path && ExportsOf(path).TryGetValue(name, out export))
            {
                module = entry.Name;
                return true;
            }
        }
        return false;
    }

    /// <summary>What a module file exports; nothing when it cannot be read.</summary>
    public Dictionary<string, ExportedSymbol> ExportsOf(string path)
    {
        if (_moduleExports.TryGetValue(path, out Dictionary<string, ExportedSymbol>? known))
            return known;
        var exports = new Dictionary<string, ExportedSymbol>();
        if (ModuleFile.Read(path).TryGet(out ModuleFile? file, out _) && file.Exports().TryGet(out ExportedSymbol[]? all, out _))
        {
            foreach (ExportedSymbol export in all)
                exports[export.Name] = export;
        }
        return _moduleExports[path] = exports;
    }

    /// <summary>A string constant of the image.</summary>
    private static string? Text(ElfFile elf, ulong address)
    {
        foreach (ElfSection section in elf.Sections)
        {
            if (!section.IsAllocated || address - section.Address >= (ulong)section.Data.Length)
                continue;
            ReadOnlySpan<byte> rest = section.Data.Span[(int)(address - section.Address)..];
            int end = rest.IndexOf((byte)0);
            return end < 0 ? null : Encoding.UTF8.GetString(rest[..end]);
        }
        return null;
    }
}
