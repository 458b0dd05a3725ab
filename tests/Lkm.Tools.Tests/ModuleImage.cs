using System.Buffers.Binary;
using System.Text;

namespace Lkm.Tools.Tests;

/// <summary>Builds a small relocatable x86-64 ELF file that says about itself what a module says: .modinfo, exports with versions, imports.</summary>
internal sealed class ModuleImage
{
    private readonly List<string> _info = [];
    private readonly List<(string Name, uint Crc)> _exports = [];
    private readonly List<string> _imports = [];
    private readonly List<(string Name, ulong Crc)> _versions = [];

    public ModuleImage Info(string key, string value)
    {
        _info.Add($"{key}={value}");
        return this;
    }

    public ModuleImage Export(string name, uint crc = 0x1234)
    {
        _exports.Add((name, crc));
        return this;
    }

    public ModuleImage Import(string name, ulong crc = 0)
    {
        _imports.Add(name);
        if (crc != 0)
        {
            _versions.Add((name, crc));
        }
        return this;
    }

    public byte[] ToBytes()
    {
        byte[] info = [.. _info.SelectMany(text => (byte[])[.. Encoding.UTF8.GetBytes(text), 0])];
        var crcs = new byte[_exports.Count * 4];
        var versions = new byte[_versions.Count * 64];
        for (var i = 0; i < _versions.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(versions.AsSpan(i * 64), _versions[i].Crc);
            Encoding.UTF8.GetBytes(_versions[i].Name).CopyTo(versions, i * 64 + 8);
        }
        var names = new List<byte> { 0 };
        var symbols = new List<byte>(new byte[24]);
        foreach (var (name, crc) in _exports)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(crcs.AsSpan((symbols.Count / 24 - 1) * 4), crc);
            Symbol(symbols, names, $"__crc_{name}", 2, (ulong)(symbols.Count / 24 - 1) * 4);
        }
        foreach (var name in _imports)
        {
            Symbol(symbols, names, name, 0, 0);
        }
        return Assemble(
        [
            (".modinfo", 1, 2, info, 0, 0),
            ("__kcrctab", 1, 2, crcs, 0, 0),
            ("__versions", 1, 2, versions, 0, 0),
            (".symtab", 2, 0, [.. symbols], 5, 24),
            (".strtab", 3, 0, [.. names], 0, 0),
        ]);
    }

    private static void Symbol(List<byte> symbols, List<byte> names, string name, ushort section, ulong value)
    {
        var entry = new byte[24];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)names.Count);
        entry[4] = 0x10; // global
        BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(6), section);
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(8), value);
        symbols.AddRange(entry);
        names.AddRange(Encoding.UTF8.GetBytes(name));
        names.Add(0);
    }

    private static byte[] Assemble(List<(string Name, uint Type, ulong Flags, byte[] Data, uint Link, ulong EntrySize)> sections)
    {
        var sectionNames = new List<byte> { 0 };
        var nameAt = new List<int>();
        foreach (var name in sections.Select(section => section.Name).Append(".shstrtab"))
        {
            nameAt.Add(sectionNames.Count);
            sectionNames.AddRange(Encoding.ASCII.GetBytes(name));
            sectionNames.Add(0);
        }
        sections.Add((".shstrtab", 3, 0, [.. sectionNames], 0, 0));
        var file = new MemoryStream();
        file.Write(new byte[64]);
        var headers = new byte[(sections.Count + 1) * 64];
        for (var i = 0; i < sections.Count; i++)
        {
            while (file.Length % 8 != 0)
            {
                file.WriteByte(0);
            }
            var header = headers.AsSpan((i + 1) * 64);
            BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)nameAt[i]);
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], sections[i].Type);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sections[i].Flags);
            BinaryPrimitives.WriteUInt64LittleEndian(header[24..], (ulong)file.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)sections[i].Data.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(header[40..], sections[i].Link);
            BinaryPrimitives.WriteUInt64LittleEndian(header[48..], 1);
            BinaryPrimitives.WriteUInt64LittleEndian(header[56..], sections[i].EntrySize);
            file.Write(sections[i].Data);
        }
        while (file.Length % 8 != 0)
        {
            file.WriteByte(0);
        }
        var headersAt = file.Length;
        file.Write(headers);
        var bytes = file.ToArray();
        byte[] ident = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        ident.CopyTo(bytes, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(16), 1); // ET_REL
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(18), 62); // EM_X86_64
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(20), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(40), (ulong)headersAt);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(52), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(58), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(60), (ushort)(sections.Count + 1));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(62), (ushort)sections.Count);
        return bytes;
    }
}
