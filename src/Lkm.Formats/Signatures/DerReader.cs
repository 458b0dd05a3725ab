namespace Lkm.Formats.Signatures;

/// <summary>Tags of the DER encoding (X.690) that PKCS#7 messages use.</summary>
internal enum DerTag : byte
{
    Integer = 0x02,
    OctetString = 0x04,
    ObjectIdentifier = 0x06,
    Sequence = 0x30,
    Set = 0x31,
    Context0 = 0xa0,
    Context1 = 0xa1,
    ContextPrimitive0 = 0x80,
}

/// <summary>Walks DER elements one after the other. Nothing throws: what does not fit reads as not there.</summary>
internal ref struct DerReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>Reads the next element if it has this tag.</summary>
    public bool TryRead(DerTag tag, out ReadOnlySpan<byte> content)
    {
        content = default;
        if (_rest.IsEmpty || _rest[0] != (byte)tag || !TryReadLength(out int header, out int length))
            return false;
        content = _rest.Slice(header, length);
        _rest = _rest[(header + length)..];
        return true;
    }

    /// <summary>Reads the next element if it has this tag, and walks into it.</summary>
    public bool TryEnter(DerTag tag, out DerReader inner)
    {
        bool found = TryRead(tag, out ReadOnlySpan<byte> content);
        inner = new DerReader(content);
        return found;
    }

    /// <summary>Passes over an element that may be missing.</summary>
    public void SkipOptional(DerTag tag) => TryRead(tag, out _);

    private readonly bool TryReadLength(out int header, out int length)
    {
        header = 2;
        length = 0;
        if (_rest.Length < 2)
            return false;
        int first = _rest[1];
        if (first < 0x80)
        {
            length = first;
        }
        else
        {
            int count = first & 0x7f;
            if (count is 0 or > 3 || _rest.Length < 2 + count)
                return false;
            for (int i = 0; i < count; i++)
                length = length << 8 | _rest[2 + i];
            header += count;
        }

        return length <= _rest.Length - header;
    }
}
