namespace Lkm.Formats.Btf;

/// <summary>
/// The one pass over all types: finds where each lies and checks that whatever it refers to exists, so that later reads need no
/// checks.
/// </summary>
internal readonly ref struct BtfParser
{
    private readonly ReadOnlySpan<byte> _types;
    private readonly BtfHeader _header;
    private readonly int _firstId;
    private readonly uint _stringsEnd;
    private readonly string? _file;

    public BtfParser(ReadOnlySpan<byte> section, BtfHeader header, int firstId, uint firstString, string? file)
    {
        _types = section.Slice(header.TypesAt, header.TypesLength);
        _header = header;
        _firstId = firstId;
        _stringsEnd = firstString + (uint)header.StringsLength;
        _file = file;
    }

    /// <summary>Offsets of all types, from the start of the types.</summary>
    public Result<List<int>> FindTypes()
    {
        const int typicalSize = 24;
        var offsets = new List<int>(_types.Length / typicalSize);
        for (int at = 0; at < _types.Length;)
        {
            if (_types.Length - at < BtfTypes.TypeSize)
                return Fail(at, "the last type is cut off");
            int size = SizeOf(_types[at..]);
            if (size < 0)
                return Fail(at, $"type {_firstId + offsets.Count} is of kind {KindOf(_types[at..])}, which is not known");
            if (size > _types.Length - at)
                return Fail(at, $"type {_firstId + offsets.Count} reaches beyond the end of the types");
            offsets.Add(at);
            at += size;
        }

        uint count = (uint)(_firstId + offsets.Count);
        for (int i = 0; i < offsets.Count; i++)
        {
            if (Check(_types[offsets[i]..], count) is { } reason)
                return Fail(offsets[i], $"type {_firstId + i} {reason}");
        }

        return offsets;
    }

    private static int KindOf(ReadOnlySpan<byte> record) => (int)(BtfTypes.Word(record, 4) >> 24) & 0x1f;

    private static int EntriesOf(ReadOnlySpan<byte> record) => (int)BtfTypes.Word(record, 4) & 0xffff;

    /// <summary>Size in bytes of a type's record; -1 for a kind that is not known.</summary>
    private static int SizeOf(ReadOnlySpan<byte> record)
    {
        int entries = EntriesOf(record);
        return BtfTypes.TypeSize + (BtfKind)KindOf(record) switch
        {
            BtfKind.Int or BtfKind.Variable or BtfKind.DeclarationTag => 4,
            BtfKind.Array => 12,
            BtfKind.Struct or BtfKind.Union or BtfKind.DataSection or BtfKind.Enum64 => entries * 12,
            BtfKind.Enum or BtfKind.FunctionPrototype => entries * 8,
            BtfKind.Void or > BtfKind.Enum64 => -BtfTypes.TypeSize - 1,
            _ => 0,
        };
    }

    /// <summary>What a type refers to that is not there; null when all is well.</summary>
    private string? Check(ReadOnlySpan<byte> record, uint count)
    {
        if (BtfTypes.Word(record, 0) >= _stringsEnd)
            return "has its name beyond the end of the strings";

        // Where a type names others, and where its entries have a name and a type, as offsets in the record and entry.
        (bool refersToType, int entrySize, int nameAt, int typeAt) = (BtfKind)KindOf(record) switch
        {
            BtfKind.Pointer or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.Function
                or BtfKind.Variable or BtfKind.DeclarationTag or BtfKind.TypeTag => (true, 0, -1, -1),
            BtfKind.FunctionPrototype => (true, 8, 0, 4),
            BtfKind.Struct or BtfKind.Union => (false, 12, 0, 4),
            BtfKind.DataSection => (false, 12, -1, 0),
            BtfKind.Enum => (false, 8, 0, -1),
            BtfKind.Enum64 => (false, 12, 0, -1),
            _ => (false, 0, -1, -1),
        };

        if (refersToType && BtfTypes.Word(record, 8) >= count)
            return $"refers to type {BtfTypes.Word(record, 8)}, and there are {count}";
        if ((BtfKind)KindOf(record) == BtfKind.Array && (BtfTypes.Word(record, 12) >= count || BtfTypes.Word(record, 16) >= count))
            return "is an array of a type that does not exist";
        if (entrySize == 0)
            return null;

        ReadOnlySpan<byte> entries = record.Slice(BtfTypes.TypeSize, EntriesOf(record) * entrySize);
        for (; !entries.IsEmpty; entries = entries[entrySize..])
        {
            if (nameAt >= 0 && BtfTypes.Word(entries, nameAt) >= _stringsEnd)
                return "has the name of an entry beyond the end of the strings";
            if (typeAt >= 0 && BtfTypes.Word(entries, typeAt) >= count)
                return $"has an entry of type {BtfTypes.Word(entries, typeAt)}, and there are {count}";
        }

        return null;
    }

    private FormatError Fail(int at, string reason) => new(_file, _header.TypesAt + (long)at, reason, Errno.EINVAL);
}
