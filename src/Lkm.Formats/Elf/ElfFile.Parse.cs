namespace Lkm.Formats.Elf;

public sealed partial class ElfFile
{
    /// <summary>
    /// Opens an ELF file. Every failure is what Linux answers with ENOEXEC; for <see cref="ElfKind.Module"/> the error carries
    /// the line that the kernel logs.
    /// </summary>
    /// <param name="bytes">The whole file, decompressed; a module's signature may follow it.</param>
    /// <param name="name">Name for error messages.</param>
    /// <param name="kind">What the file must be.</param>
    public static Result<ElfFile> Parse(ReadOnlyMemory<byte> bytes, string? name = null, ElfKind kind = ElfKind.Any) =>
        new Parser(bytes, name, kind).Parse();

    private readonly ref struct Parser(ReadOnlyMemory<byte> memory, string? name, ElfKind kind)
    {
        private const int IdentSize = 16;

        private readonly ReadOnlySpan<byte> _bytes = memory.Span;

        public Result<ElfFile> Parse()
        {
            if (_bytes.Length < 4 || !_bytes[..4].SequenceEqual("\u007fELF"u8))
            {
                return _bytes.Length < 64
                    ? Fail(0, $"too short for an ELF file: {_bytes.Length} bytes", $"Invalid ELF header len {_bytes.Length}")
                    : Fail(0, "not an ELF file: the magic number is missing", "Invalid ELF header magic: != \u007fELF");
            }

            if (_bytes.Length < IdentSize)
                return TooShort();
            byte elfClass = _bytes[4], data = _bytes[5];
            if (elfClass is not (1 or 2))
                return Fail(4, $"unknown ELF class {elfClass}", ArchitectureMessage(default));
            if (data is not (1 or 2))
                return Fail(5, $"unknown ELF byte order {data}", ArchitectureMessage(default));

            var layout = new ElfLayout(elfClass == 2, data == 2);
            if (_bytes.Length < (kind == ElfKind.Any ? layout.FileHeaderSize : 64))
                return TooShort();

            var type = (ElfType)layout.U16(_bytes, 16);
            var machine = (ElfMachine)layout.U16(_bytes, 18);
            if (CheckKind(layout, type, machine) is { } wrongKind)
                return wrongKind;
            if (ReadSections(layout).TryGet(out ElfSection[]? sections, out FormatError? error))
                return new ElfFile(name, memory, layout, type, machine, sections);
            return error;
        }

        private FormatError? CheckKind(ElfLayout layout, ElfType type, ElfMachine machine)
        {
            if (kind == ElfKind.Any)
                return null;
            (ElfType wanted, string what) = kind == ElfKind.Module
                ? (ElfType.Relocatable, "a relocatable file, as modules are")
                : (ElfType.Executable, "an executable, as vmlinux is");
            if (type != wanted && !layout.IsBigEndian)
                return Fail(16, $"not {what}: ELF type is {DisplayName(type)}", $"Invalid ELF header type: {(ushort)type} != {(ushort)wanted}");
            if (machine != ElfMachine.X86_64)
                return Fail(18, $"built for {machine.DisplayName()}, not for x86-64", ArchitectureMessage(machine));
            if (!layout.Is64)
                return Fail(4, "32-bit ELF file (x32), where x86-64 Linux uses the 64-bit format", "Invalid ELF section header size");
            if (layout.IsBigEndian)
                return Fail(5, "big-endian ELF file, where x86-64 is little-endian", ArchitectureMessage(machine));
            return null;
        }

        private Result<ElfSection[]> ReadSections(ElfLayout layout)
        {
            ulong table = layout.Word(_bytes, 40, 32);
            int sizesAt = layout.Is64 ? 58 : 46;
            int entrySize = layout.U16(_bytes, sizesAt);
            int count = layout.U16(_bytes, sizesAt + 2);
            int namesIndex = layout.U16(_bytes, sizesAt + 4);
            if (count == 0 && table == 0 && kind == ElfKind.Any)
                return Array.Empty<ElfSection>();
            if (entrySize != layout.SectionHeaderSize)
                return Fail(sizesAt, $"section headers of {entrySize} bytes, where {layout.SectionHeaderSize} are usual", "Invalid ELF section header size");
            if (table >= (ulong)_bytes.Length || (ulong)count * (ulong)entrySize > (ulong)_bytes.Length - table)
                return Fail(layout.Is64 ? 40 : 32, $"section header table (0x{table:x}, {count} entries) lies beyond the end of the file "
                    + $"(0x{_bytes.Length:x} bytes): truncated?", "Invalid ELF section header overflow");
            if (namesIndex == 0 || namesIndex >= count)
                return Fail(sizesAt + 4, $"section {namesIndex} cannot hold the section names: there are {count} sections",
                    $"Invalid ELF section name index: {namesIndex} || e_shstrndx ({namesIndex}) >= e_shnum ({count})");

            if (ReadNames(layout, table, namesIndex, out ReadOnlyMemory<byte> names) is { } error)
                return error;
            return ReadSections(layout, (int)table, count, names);
        }

        // No Result: modinfo starts for one file, and code for a Result of a type of another assembly is only made at run time.
        private FormatError? ReadNames(ElfLayout layout, ulong table, int namesIndex, out ReadOnlyMemory<byte> names)
        {
            names = default;
            int headerAt = (int)table + namesIndex * layout.SectionHeaderSize;
            ReadOnlySpan<byte> header = _bytes.Slice(headerAt, layout.SectionHeaderSize);
            ulong offset = layout.Word(header, 24, 16), size = layout.Word(header, 32, 20);
            if (!IsInside(offset, size))
                return Fail(headerAt, $"section names (0x{offset:x}, 0x{size:x} bytes) lie beyond the end of the file",
                    $"Invalid ELF section hdr(type {layout.U32(header, 4)})");
            if (size == 0)
                return Fail(headerAt, "section name table is empty", "empty section name table");
            names = memory.Slice((int)offset, (int)size);
            if (names.Span[^1] != 0)
                return Fail((long)(offset + size - 1), "section name table does not end with a NUL byte",
                    "ELF Spec violation: section name table isn't null terminated");
            return null;
        }

        private Result<ElfSection[]> ReadSections(ElfLayout layout, int table, int count, ReadOnlyMemory<byte> names)
        {
            var sections = new ElfSection[count];
            for (int i = 0; i < count; i++)
            {
                int headerAt = table + i * layout.SectionHeaderSize;
                if (!ReadSection(layout, headerAt, i, count, names).TryGet(out ElfSection? section, out FormatError? error))
                    return error;
                sections[i] = section;
            }

            ElfSection first = sections[0];
            if (first.Type != SectionType.Null || first.Size != 0 || first.Address != 0)
                return Fail(table, "section 0 is not the empty null section",
                    $"ELF Spec violation: section 0 type({(int)first.Type})!=SH_NULL or non-zero len or addr");
            return sections;
        }

        private Result<ElfSection> ReadSection(ElfLayout layout, int headerAt, int index, int count, ReadOnlyMemory<byte> names)
        {
            ReadOnlySpan<byte> header = _bytes.Slice(headerAt, layout.SectionHeaderSize);
            uint nameAt = layout.U32(header, 0);
            var type = (SectionType)layout.U32(header, 4);
            var flags = (SectionFlags)layout.Word(header, 8, 8);
            ulong offset = layout.Word(header, 24, 16), size = layout.Word(header, 32, 20);
            uint link = layout.U32(header, layout.Is64 ? 40 : 24);
            bool hasData = type is not (SectionType.Null or SectionType.NoBits);

            if (type == SectionType.SymbolTable && (link == 0 || link >= count))
                return Fail(headerAt, $"symbol table (section {index}) names section {link} as its string table, and there are {count} sections",
                    $"Invalid ELF sh_link!=SHN_UNDEF({link}) or (sh_link({link}) >= hdr->e_shnum({count})");
            if (hasData && !IsInside(offset, size))
                return Fail(headerAt, $"section {index}{Quoted(names, nameAt)} (0x{offset:x}, 0x{size:x} bytes) lies beyond the end of the file "
                    + $"(0x{_bytes.Length:x} bytes): truncated?", $"Invalid ELF section in module (section {index} type {(uint)type})");
            if (hasData && (flags & SectionFlags.Alloc) != 0 && nameAt >= names.Length)
                return Fail(headerAt, $"name of section {index} starts at 0x{nameAt:x}, beyond the end of the section name table",
                    $"Invalid ELF section name in module (section {index} type {(uint)type})");

            return new ElfSection(NameAt(names, nameAt))
            {
                Index = index,
                HeaderOffset = headerAt,
                Type = type,
                Flags = flags,
                Address = layout.Word(header, 16, 12),
                Offset = offset,
                Size = size,
                Link = link,
                Info = layout.U32(header, layout.Is64 ? 44 : 28),
                Alignment = layout.Word(header, 48, 32),
                EntrySize = layout.Word(header, 56, 36),
                Data = hasData ? memory.Slice((int)offset, (int)size) : default,
            };
        }

        private static ReadOnlyMemory<byte> NameAt(ReadOnlyMemory<byte> names, uint at)
        {
            if (at >= names.Length)
                return default;
            ReadOnlyMemory<byte> tail = names[(int)at..];
            return tail[..tail.Span.IndexOf((byte)0)];
        }

        private static string Quoted(ReadOnlyMemory<byte> names, uint at)
        {
            ReadOnlyMemory<byte> text = NameAt(names, at);
            return text.IsEmpty ? "" : $" ({System.Text.Encoding.UTF8.GetString(text.Span)})";
        }

        private static string DisplayName(ElfType type) => type switch
        {
            ElfType.None => "none",
            ElfType.Relocatable => "relocatable",
            ElfType.Executable => "executable",
            ElfType.Dynamic => "shared object",
            ElfType.Core => "core dump",
            _ => ((ushort)type).ToString(),
        };

        private static string ArchitectureMessage(ElfMachine machine) => $"Invalid architecture in ELF header: {(ushort)machine}";

        private bool IsInside(ulong offset, ulong size) => offset <= (ulong)_bytes.Length && size <= (ulong)_bytes.Length - offset;

        private FormatError TooShort() =>
            Fail(0, $"too short for an ELF file: {_bytes.Length} bytes", $"Invalid ELF header len {_bytes.Length}");

        private FormatError Fail(long offset, string reason, string kernelMessage) =>
            new(name, offset, reason) { KernelMessage = kind == ElfKind.Module ? kernelMessage : null };
    }
}
