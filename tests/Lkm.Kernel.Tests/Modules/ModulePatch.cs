using System.Buffers.Binary;
using System.Text;
using Lkm.Formats.Elf;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>Changes a built module, to make of it one that a kernel must refuse.</summary>
public sealed class ModulePatch
{
    private readonly byte[] _bytes;
    private readonly ElfFile _elf;

    /// <summary>Takes a copy of a module.</summary>
    public ModulePatch(byte[] module)
    {
        _bytes = [.. module];
        _elf = ElfFile.Parse(module).Value;
    }

    /// <summary>The changed module.</summary>
    public byte[] Bytes => _bytes;

    /// <summary>Writes 16 bits.</summary>
    public ModulePatch Write16(int at, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(at), value);
        return this;
    }

    /// <summary>Replaces the first occurrence of a text by one of the same length.</summary>
    public ModulePatch Replace(string text, string by)
    {
        Assert.Equal(text.Length, by.Length);
        var at = _bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text));
        Assert.True(at >= 0, $"no '{text}' in the module");
        Encoding.UTF8.GetBytes(by).CopyTo(_bytes, at);
        return this;
    }

    /// <summary>Renames a symbol, to a name of the same length.</summary>
    public ModulePatch RenameSymbol(string name, string by)
    {
        Assert.Equal(name.Length, by.Length);
        var strings = _elf.FindSection(".strtab")!;
        var at = strings.Data.Span.IndexOf(Encoding.UTF8.GetBytes($"\0{name}\0"));
        Assert.True(at >= 0, $"no symbol {name} in the module");
        Encoding.UTF8.GetBytes(by).CopyTo(_bytes, (int)strings.Offset + at + 1);
        return this;
    }

    /// <summary>
    /// Makes an undefined symbol and the relocations of one section those of a live patch
    /// (Documentation/livepatch/module-elf-format.rst). The names are as long as those that they replace.
    /// </summary>
    public ModulePatch MakeLivepatch(string symbol, string livepatchSymbol, string section, string livepatchSection)
    {
        var symbols = _elf.Symbols().Value!;
        for (var i = 0; i < symbols.Count; i++)
        {
            if (symbols.Name(symbols[i]) != symbol)
                continue;
            const int entrySize = 24, infoAt = 4, sectionAt = 6, globalObject = 0x11;
            var entry = (int)_elf.FindSection(".symtab")!.Offset + (i * entrySize);
            _bytes[entry + infoAt] = globalObject;
            Write16(entry + sectionAt, (ushort)SectionIndex.Livepatch);
        }

        return RenameSymbol(symbol, livepatchSymbol)
            .SetFlags(section, flags => flags | SectionFlags.Alloc | SectionFlags.RelaLivepatch)
            .Replace($"\0{section}\0", $"\0{livepatchSection}\0");
    }

    /// <summary>Changes the CRC that the module was built with for a symbol.</summary>
    public ModulePatch SpoilVersion(string symbol)
    {
        var versions = _elf.FindSection("__versions")!;
        for (var at = 0; at < versions.Data.Length; at += 64)
        {
            if (versions.Data.Span[(at + 8)..].StartsWith(Encoding.UTF8.GetBytes(symbol + "\0")))
                _bytes[(int)versions.Offset + at] ^= 0x55;
        }

        return this;
    }

    /// <summary>Changes the flags of a section header.</summary>
    public ModulePatch SetFlags(string section, Func<SectionFlags, SectionFlags> change)
    {
        var header = _elf.FindSection(section)!;
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan((int)header.HeaderOffset + 8), (ulong)change(header.Flags));
        return this;
    }

    /// <summary>Changes the type of a section header.</summary>
    public ModulePatch SetType(string section, SectionType type)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan((int)_elf.FindSection(section)!.HeaderOffset + 4), (uint)type);
        return this;
    }

    /// <summary>Changes the type of the first relocation of a section.</summary>
    public ModulePatch SetRelocationType(string section, uint type)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan((int)_elf.FindSection(section)!.Offset + 8), type);
        return this;
    }

    /// <summary>Changes the addend of the first relocation of a type.</summary>
    public ModulePatch SetAddend(string section, X86RelocationType type, long addend)
    {
        var table = _elf.Relocations(_elf.FindSection(section)!).Value;
        for (var i = 0; i < table.Count; i++)
        {
            if (table[i].X86Type != type)
                continue;
            BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan((int)table.Section.Offset + (i * 24) + 16), addend);
            return this;
        }

        Assert.Fail($"no {type} in {section}");
        return this;
    }

    /// <summary>Writes a byte where the first relocation of a section goes.</summary>
    public ModulePatch SpoilPlace(string section, byte value)
    {
        var table = _elf.Relocations(_elf.FindSection(section)!).Value;
        _bytes[(int)(table.Target.Offset + table[0].Offset)] = value;
        return this;
    }

    /// <summary>Appends bytes.</summary>
    public byte[] With(params byte[] tail) => [.. _bytes, .. tail];
}
