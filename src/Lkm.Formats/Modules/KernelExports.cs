using Lkm.Formats.Elf;

namespace Lkm.Formats.Modules;

/// <summary>
/// Reads the exports of a linked x86-64 kernel from its own tables: __ksymtab(_gpl) with offsets relative to each field, and the
/// parallel __kcrctab(_gpl). Linux 7 has one __ksymtab for all, and __kflagstab beside it. No symbol table is needed.
/// </summary>
public static class KernelExports
{
    private const int EntrySize = 12;

    /// <summary>All exports, __ksymtab before __ksymtab_gpl.</summary>
    public static Result<ExportedSymbol[]> Read(ElfFile vmlinux)
    {
        var exports = new List<ExportedSymbol>();
        FormatError? error = ReadTable(vmlinux, "__ksymtab", "__kcrctab", isGplOnly: false, exports)
            ?? ReadTable(vmlinux, "__ksymtab_gpl", "__kcrctab_gpl", isGplOnly: true, exports);
        return error is null ? exports.ToArray() : error;
    }

    private static FormatError? ReadTable(ElfFile vmlinux, string tableName, string crcName, bool isGplOnly, List<ExportedSymbol> exports)
    {
        if (vmlinux.FindSection(tableName) is not { } table)
            return null;
        ReadOnlySpan<byte> data = table.Data.Span;
        int count = data.Length / EntrySize;
        ReadOnlyMemory<byte> crcs = vmlinux.FindSection(crcName)?.Data ?? default;
        if (!crcs.IsEmpty && crcs.Length < count * 4)
            return vmlinux.Fail(table.HeaderOffset, $"{crcName} has {crcs.Length} bytes for {count} symbols");

        ReadOnlyMemory<byte> flags = isGplOnly ? default : ExportFlags.Read(vmlinux);
        var strings = new AddressedText(vmlinux);
        exports.EnsureCapacity(exports.Count + count);
        for (int i = 0; i < count; i++)
        {
            ulong value = Target(vmlinux.Layout, table, i * EntrySize);
            if (strings.At(Target(vmlinux.Layout, table, i * EntrySize + 4)) is not { Length: > 0 } name)
                return vmlinux.Fail((long)table.Offset + i * EntrySize, $"name of entry {i} of {tableName} is not in a section of this file");
            if (strings.At(Target(vmlinux.Layout, table, i * EntrySize + 8)) is not { } symbolNamespace)
                return vmlinux.Fail((long)table.Offset + i * EntrySize, $"namespace of entry {i} of {tableName} is not in a section of this file");
            exports.Add(new ExportedSymbol(name, symbolNamespace.Length == 0 ? null : symbolNamespace,
                isGplOnly || ExportFlags.IsGplOnly(flags, i),
                crcs.IsEmpty ? null : vmlinux.Layout.U32(crcs.Span, i * 4), 0, value));
        }

        return null;
    }

    /// <summary>offset_to_ptr(): the address that a field at this offset refers to.</summary>
    private static ulong Target(ElfLayout layout, ElfSection table, int at) =>
        unchecked(table.Address + (ulong)at + (ulong)(int)layout.U32(table.Data.Span, at));

    /// <summary>Finds strings by address; names lie together, so the section of the last one is tried first.</summary>
    private sealed class AddressedText(ElfFile file)
    {
        private ElfSection? _last;

        public string? At(ulong address)
        {
            if (_last is null || !Holds(_last, address))
                _last = file.Sections.FirstOrDefault(section => Holds(section, address));
            return _last is null ? null : CString.ReadWithin(_last.Data.Span[(int)(address - _last.Address)..], ExportedSymbol.MaxNameLength);
        }

        private static bool Holds(ElfSection section, ulong address) =>
            section.IsAllocated && address - section.Address < (ulong)section.Data.Length;
    }
}
