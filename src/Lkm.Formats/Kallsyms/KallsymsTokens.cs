using System.Buffers.Binary;

namespace Lkm.Formats.Kallsyms;

/// <summary>
/// kallsyms_token_table and kallsyms_token_index: the 256 strings that the bytes of a compressed name stand for. Characters that
/// occur in symbols stand at their own code, so the digits make a pattern that can be searched for.
/// </summary>
internal sealed class KallsymsTokens
{
    private const int Count = 256;
    private const int IndexSize = Count * 2;

    /// <summary>Tables are aligned to 8 bytes at most.</summary>
    private const int Alignment = 8;

    private const int WordSize = 8;

    /// <summary>A token is part of a name, and names have 511 characters at most.</summary>
    private const int MaxLength = 512;

    private readonly byte[] _text;
    private readonly ushort[] _starts = new ushort[Count + 1];

    /// <summary>The first eight characters of each token, which nearly all tokens consist of.</summary>
    private readonly ulong[] _words = new ulong[Count];

    private KallsymsTokens(ReadOnlySpan<byte> table, ReadOnlySpan<byte> index, int start, int indexEnd)
    {
        _text = table.ToArray();
        for (int i = 0; i < Count; i++)
            _starts[i] = BinaryPrimitives.ReadUInt16LittleEndian(index[(2 * i)..]);
        _starts[Count] = (ushort)table.Length;
        Span<byte> word = stackalloc byte[WordSize];
        for (int i = 0; i < Count; i++)
        {
            word.Clear();
            ReadOnlySpan<byte> token = this[(byte)i];
            token[..Math.Min(token.Length, WordSize)].CopyTo(word);
            _words[i] = BinaryPrimitives.ReadUInt64LittleEndian(word);
        }

        Start = start;
        IndexEnd = indexEnd;
    }

    /// <summary>Where the table starts in the searched bytes.</summary>
    public int Start { get; }

    /// <summary>Where the index ends in the searched bytes.</summary>
    public int IndexEnd { get; }

    /// <summary>The string that a byte stands for.</summary>
    public ReadOnlySpan<byte> this[byte token] => _text.AsSpan(_starts[token], _starts[token + 1] - _starts[token] - 1);

    /// <summary>
    /// Expands a compressed name into <paramref name="name"/> and returns its length. What does not fit is cut, as
    /// kallsyms_expand_symbol() does.
    /// </summary>
    public int Expand(ReadOnlySpan<byte> compressed, Span<byte> name)
    {
        int length = 0;
        foreach (byte token in compressed)
        {
            int tokenLength = _starts[token + 1] - _starts[token] - 1;
            if (tokenLength <= WordSize && length <= name.Length - WordSize)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(name[length..], _words[token]);
                length += tokenLength;
            }
            else
            {
                int fitting = Math.Min(tokenLength, name.Length - length);
                _text.AsSpan(_starts[token], fitting).CopyTo(name[length..]);
                length += fitting;
            }
        }

        return length;
    }

    /// <summary>Searches for the tables from <paramref name="from"/> on; null when there are none.</summary>
    public static KallsymsTokens? Find(ReadOnlySpan<byte> bytes, int from = 0)
    {
        ReadOnlySpan<byte> digits = "0\01\02\03\04\05\06\07\08\09\0"u8;
        while (bytes[from..].IndexOf(digits) is >= 0 and int at)
        {
            if (TryRead(bytes, from + at) is { } tokens)
                return tokens;
            from += at + 1;
        }

        return null;
    }

    private static KallsymsTokens? TryRead(ReadOnlySpan<byte> bytes, int digitsAt)
    {
        int end = digitsAt;
        for (int token = '0'; token < Count; token++)
        {
            int length = bytes.Slice(end, Math.Min(MaxLength, bytes.Length - end)).IndexOf((byte)0);
            if (length < 0)
                return null;
            end += length + 1;
        }

        for (int padding = 0; padding < Alignment && end + padding + IndexSize <= bytes.Length; padding++)
        {
            ReadOnlySpan<byte> index = bytes.Slice(end + padding, IndexSize);
            int start = digitsAt - BinaryPrimitives.ReadUInt16LittleEndian(index[(2 * '0')..]);
            if (start >= 0 && IsIndexOf(index, bytes[start..end]))
                return new KallsymsTokens(bytes[start..end], index, start, end + padding + IndexSize);
        }

        return null;
    }

    private static bool IsIndexOf(ReadOnlySpan<byte> index, ReadOnlySpan<byte> table)
    {
        int at = 0;
        for (int i = 0; i < Count; i++)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(index[(2 * i)..]) != at || at >= table.Length)
                return false;
            at += table[at..].IndexOf((byte)0) + 1;
        }

        return at == table.Length;
    }
}
