using System.Text;
using Lkm.Formats;

namespace Lkm.Modules;

/// <summary>Symbols of the kernel itself, with the versions where the file names them.</summary>
public sealed class KernelSymbols
{
    private readonly Dictionary<string, ulong> _crcs = [];

    /// <summary>Whether versions are known.</summary>
    public bool HasVersions { get; private init; }

    internal bool TryGet(string name, out ulong crc) => _crcs.TryGetValue(name, out crc);

    /// <summary>Reads <c>System.map</c>, whose <c>__ksymtab_</c> symbols are the exported ones.</summary>
    public static KernelSymbols FromSystemMap(string path)
    {
        var symbols = new KernelSymbols();
        symbols._crcs["__this_module"] = 0;
        foreach (var line in File.ReadLines(path))
        {
            var name = line.AsSpan(line.LastIndexOf(' ') + 1);
            if (name.StartsWith("__ksymtab_"))
            {
                symbols._crcs[name["__ksymtab_".Length..].ToString()] = 0;
            }
        }
        return symbols;
    }

    /// <summary>Reads <c>Module.symvers</c>; of its symbols, those of vmlinux are the kernel's.</summary>
    public static KernelSymbols FromSymbolVersions(string path)
    {
        var symbols = new KernelSymbols { HasVersions = true };
        symbols._crcs["__this_module"] = 0;
        foreach (var line in File.ReadLines(path))
        {
            var fields = line.Split([' ', '\t'], 4, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length >= 3 && fields[2] == "vmlinux" && fields[0].StartsWith("0x", StringComparison.Ordinal) &&
                ulong.TryParse(fields[0].AsSpan(2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var crc))
            {
                symbols._crcs[fields[1]] = crc;
            }
        }
        return symbols;
    }
}

/// <summary>Says of each imported symbol where it comes from, or that nothing supplies it, or not with the version expected.</summary>
internal static class SymbolReport
{
    public static void Write(
        IReadOnlyList<TreeModule> modules, ModuleSummary[] summaries, SymbolOwners owners, DepmodOptions options, List<DepmodMessage> messages, Action<string>? details)
    {
        var versions = new Dictionary<string, ulong>();
        if (options.KernelSymbols is not null)
        {
            foreach (var summary in summaries)
            {
                foreach (var export in summary.Exports)
                {
                    versions[Depmod.WithoutPrefix(export.Name, options.SymbolPrefix)] = export.Crc;
                }
            }
        }
        for (var i = 0; i < modules.Count; i++)
        {
            ReadOnlySpan<byte> names = summaries[i].ImportNames;
            for (var n = 0; !names.IsEmpty; n++)
            {
                var name = CString.Span(names);
                names = names[(name.Length + 1)..];
                var owner = owners.Find(name);
                var text = Encoding.UTF8.GetString(name);
                if (options.KernelSymbols is { } kernel)
                {
                    Check(modules[i], text, summaries[i].Imports[n], owner, kernel, versions, messages);
                }
                if (options.Verbose && owner >= 0)
                {
                    details?.Invoke($"{modules[i].Path} needs \"{text}\": {modules[owner].Path}");
                }
            }
        }
    }

    private static void Check(
        TreeModule module, string name, SummaryImport import, int owner, KernelSymbols kernel, Dictionary<string, ulong> versions, List<DepmodMessage> messages)
    {
        ulong crc;
        if (owner >= 0)
        {
            crc = versions[name];
        }
        else if (!kernel.TryGet(name, out crc))
        {
            if (!import.IsWeak)
            {
                messages.Add(new(DepmodSeverity.Warning, $"{module.Path} needs unknown symbol {name}"));
            }
            return;
        }
        if (kernel.HasVersions && import.Crc != 0 && crc != 0 && crc != import.Crc)
        {
            messages.Add(new(DepmodSeverity.Warning, $"{module.Path} disagrees about version of symbol {name}"));
        }
    }
}
