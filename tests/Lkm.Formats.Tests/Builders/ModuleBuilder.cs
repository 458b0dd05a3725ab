using System.Text;
using Lkm.Formats.Elf;

namespace Lkm.Formats.Tests.Builders;

/// <summary>Writes modules as the kernel build does: .modinfo, __versions, and exports through relocations.</summary>
public sealed class ModuleBuilder
{
    private readonly ElfBuilder _elf;
    private readonly List<(string Name, string Namespace, bool IsGplOnly, uint Crc)> _exports = [];
    private readonly int _text;

    public ModuleBuilder(ElfBuilder? elf = null)
    {
        _elf = elf ?? new ElfBuilder();
        _text = _elf.AddSection(".text", new byte[256], SectionFlags.Alloc | SectionFlags.Execute);
    }

    public ElfBuilder Elf => _elf;

    public ModuleBuilder Info(params string[] strings)
    {
        _elf.AddSection(".modinfo", Encoding.UTF8.GetBytes(string.Concat(strings.Select(text => text + '\0'))), alignment: 1);
        return this;
    }

    public ModuleBuilder Versions(params (string Name, uint Crc)[] versions)
    {
        var table = new ByteWriter(_elf.IsBigEndian);
        int word = _elf.Is64 ? 8 : 4;
        foreach (var (name, crc) in versions)
            table.Number(crc, word).Text(name, 64 - word);
        _elf.AddSection("__versions", table.ToArray());
        return this;
    }

    public ModuleBuilder Import(string name, bool isWeak = false)
    {
        _elf.AddSymbol(name, SectionIndex.Undefined, binding: isWeak ? SymbolBinding.Weak : SymbolBinding.Global);
        return this;
    }

    /// <summary>Exports the symbol; the n-th lies 16 n bytes into .text.</summary>
    public ModuleBuilder Export(string name, uint crc, bool isGplOnly = false, string symbolNamespace = "")
    {
        _exports.Add((name, symbolNamespace, isGplOnly, crc));
        return this;
    }

    public byte[] Build()
    {
        AddExports("__ksymtab", isGplOnly: false);
        AddExports("__ksymtab_gpl", isGplOnly: true);
        return _elf.Build();
    }

    private void AddExports(string section, bool isGplOnly)
    {
        var exports = _exports.Where(export => export.IsGplOnly == isGplOnly).ToList();
        if (exports.Count == 0)
            return;
        int table = _elf.AddSection(section, new byte[12 * exports.Count]);
        var crcs = new ByteWriter();
        var strings = new ByteWriter();
        int stringSection = _elf.AddSection("__ksymtab_strings", new byte[exports.Sum(export => export.Name.Length + export.Namespace.Length + 2)]);
        for (int i = 0; i < exports.Count; i++)
        {
            var (name, symbolNamespace, _, crc) = exports[i];
            int symbol = _elf.AddSymbol(name, _text, (ulong)(16 * _exports.IndexOf(exports[i])), type: SymbolType.Function);
            int text = _elf.AddSymbol($"__kstrtab_{name}", stringSection, (ulong)strings.Length, SymbolBinding.Local);
            strings.Text(name);
            int space = _elf.AddSymbol($"__kstrtabns_{name}", stringSection, (ulong)strings.Length, SymbolBinding.Local);
            strings.Text(symbolNamespace);
            _elf.AddRelocation(table, (ulong)(12 * i), X86RelocationType.R_X86_64_PC32, symbol)
                .AddRelocation(table, (ulong)(12 * i + 4), X86RelocationType.R_X86_64_PC32, text)
                .AddRelocation(table, (ulong)(12 * i + 8), X86RelocationType.R_X86_64_PC32, space);
            crcs.U32(crc);
        }

        _elf.Replace(stringSection, strings.ToArray());
        int crcSection = _elf.AddSection(section.Replace("ksymtab", "kcrctab"), crcs.ToArray());
        for (int i = 0; i < exports.Count; i++)
            _elf.AddSymbol($"__crc_{exports[i].Name}", crcSection, (ulong)(4 * i), SymbolBinding.Local);
    }
}
