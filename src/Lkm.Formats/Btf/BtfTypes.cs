using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Lkm.Formats.Elf;

namespace Lkm.Formats.Btf;

/// <summary>
/// The types of a kernel or module (.BTF; Documentation/bpf/btf.rst). Opening makes one pass, which checks everything and
/// notes where each type lies; or none, with an index that was kept. Types are decoded when asked for.
/// </summary>
/// <remarks>
/// A module's types continue the kernel's: their numbers and string offsets start where those of the base end. A module that
/// carries .BTF.base (Linux 6.11 and later) continues that reduced base instead.
/// </remarks>
public sealed partial class BtfTypes
{
    internal const int TypeSize = 12;

    private readonly ReadOnlyMemory<byte> _section;
    private readonly ReadOnlyMemory<byte> _index;
    private readonly BtfHeader _header;
    private readonly int _firstId;
    private readonly uint _firstString;
    private readonly int _ownCount;

    private BtfTypes(ReadOnlyMemory<byte> section, BtfHeader header, ReadOnlyMemory<byte> index, BtfTypes? baseTypes)
    {
        _section = section;
        _header = header;
        _index = index;
        Base = baseTypes;
        _ownCount = BtfIndex.CountOf(index.Span);
        _firstId = baseTypes?.Count ?? 1;
        _firstString = baseTypes?.StringsEnd ?? 0;
    }

    /// <summary>The types that these continue, or null.</summary>
    public BtfTypes? Base { get; }

    /// <summary>One more than the greatest type number; 0 is void.</summary>
    public int Count => _firstId + _ownCount;

    /// <summary>
    /// Where the types lie and a hash of their names, as one block that <see cref="Open"/> takes, so that a kept index saves
    /// the pass over the types. It belongs to exactly these types.
    /// </summary>
    public ReadOnlyMemory<byte> Index => _index;

    /// <summary>A type by its number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such type.</exception>
    public BtfType this[int id]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)id, (uint)Count, nameof(id));
            return new BtfType(this, id);
        }
    }

    internal uint StringsEnd => _firstString + (uint)_header.StringsLength;

    /// <summary>Reads the types of a linked kernel, or of a module.</summary>
    /// <param name="file">vmlinux or a module.</param>
    /// <param name="baseTypes">The kernel's types, for a module.</param>
    public static Result<BtfTypes> Read(ElfFile file, BtfTypes? baseTypes = null)
    {
        if (file.FindSection(".BTF"u8) is not { } section)
            return new FormatError(file.Name, -1, "no type information: there is no section .BTF", Errno.ENOENT);
        if (file.FindSection(".BTF.base"u8) is { } reduced && !Parse(reduced.Data, file: file.Name).TryGet(out baseTypes, out FormatError? error))
            return error;
        return Parse(section.Data, baseTypes, file.Name);
    }

    /// <summary>Reads a section and checks all of it.</summary>
    /// <param name="section">Contents of .BTF.</param>
    /// <param name="baseTypes">The kernel's types, for a module.</param>
    /// <param name="file">Name for error messages.</param>
    public static Result<BtfTypes> Parse(ReadOnlyMemory<byte> section, BtfTypes? baseTypes = null, string? file = null)
    {
        if (!BtfHeader.Read(section.Span, file).TryGet(out BtfHeader header, out FormatError? error))
            return error;
        var parser = new BtfParser(section.Span, header, baseTypes?.Count ?? 1, baseTypes?.StringsEnd ?? 0, file);
        if (!parser.FindTypes().TryGet(out List<int>? offsets, out error))
            return error;
        ReadOnlyMemory<byte> index = BtfIndex.Build(section.Span, header, CollectionsMarshal.AsSpan(offsets), baseTypes);
        return new BtfTypes(section, header, index, baseTypes);
    }

    /// <summary>
    /// Opens a section with the index of an earlier <see cref="Parse"/> of the same bytes. Nothing is checked but sizes.
    /// </summary>
    /// <param name="section">Contents of .BTF.</param>
    /// <param name="index">What <see cref="Index"/> gave.</param>
    /// <param name="baseTypes">The kernel's types, for a module.</param>
    /// <param name="file">Name for error messages.</param>
    public static Result<BtfTypes> Open(ReadOnlyMemory<byte> section, ReadOnlyMemory<byte> index, BtfTypes? baseTypes = null, string? file = null)
    {
        if (!BtfHeader.Read(section.Span, file).TryGet(out BtfHeader header, out FormatError? error))
            return error;
        if (!BtfIndex.Belongs(index.Span, section.Length))
            return new FormatError(file, 0, "the index does not belong to this type information", Errno.EINVAL);
        return new BtfTypes(section, header, index, baseTypes);
    }

    /// <summary>The 12 bytes of a type and all that follow it; the type must not be void.</summary>
    internal ReadOnlySpan<byte> Record(int id)
    {
        if (id < _firstId)
            return Base!.Record(id);
        return _section.Span.Slice(_header.TypesAt, _header.TypesLength)[BtfIndex.OffsetsOf(_index.Span)[id - _firstId]..];
    }

    internal ReadOnlySpan<byte> Text(uint offset)
    {
        if (offset < _firstString)
            return Base!.Text(offset);
        return CString.Span(_section.Span.Slice(_header.StringsAt, _header.StringsLength)[(int)(offset - _firstString)..]);
    }

    internal string TextString(uint offset) => Encoding.UTF8.GetString(Text(offset));

    internal static uint Word(ReadOnlySpan<byte> record, int at) => BinaryPrimitives.ReadUInt32LittleEndian(record[at..]);
}
