using System.Buffers.Binary;

namespace Lkm.Formats.Kallsyms;

/// <summary>
/// Finds the names of kallsyms in front of the token table: kallsyms_num_syms, kallsyms_names, kallsyms_markers and, in
/// 6.1.y, kallsyms_seqs_of_names. What is found is proved: all names have a symbol's type, the markers are their offsets, and the
/// tables end where the token table starts.
/// </summary>
internal ref struct KallsymsLocator
{
    private const int NamesPerMarker = 256;
    private const int SequenceSize = 3;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _end;

    /// <summary>
    /// Names that may still be looked at. In a kernel nearly all wrong guesses end at their first names; bytes made to
    /// mislead must not take time that grows with the square of their size.
    /// </summary>
    private long _budget;

    /// <summary>Which tokens begin with a type as nm(1) prints it: a name can begin with no other.</summary>
    private readonly bool[] _isType = new bool[256];

    /// <param name="bytes">Where to search.</param>
    /// <param name="tokens">The tokens that were found there.</param>
    public KallsymsLocator(ReadOnlySpan<byte> bytes, KallsymsTokens tokens)
    {
        _bytes = bytes;
        _end = tokens.Start;
        _budget = 4L * bytes.Length + 1024;
        for (int i = 0; i < _isType.Length; i++)
            _isType[i] = tokens[(byte)i] is { IsEmpty: false } text && "aAbBcCdDgGiInNpPrRsStTuUvVwW?-"u8.Contains(text[0]);
    }

    /// <summary>Where the parts lie.</summary>
    /// <param name="CountAt">Offset of kallsyms_num_syms.</param>
    /// <param name="Count">Number of symbols.</param>
    /// <param name="NamesAt">Offset of kallsyms_names.</param>
    /// <param name="HasBigSymbols">Lengths above 127 take two bytes (Linux 6.1 and later).</param>
    public readonly record struct Names(int CountAt, int Count, int NamesAt, bool HasBigSymbols);

    public bool TryFind(out Names names)
    {
        for (int countAt = (_end - 4) & ~3; countAt >= 0 && _budget > 0; countAt -= 4)
        {
            uint count = BinaryPrimitives.ReadUInt32LittleEndian(_bytes[countAt..]);

            // A name takes two bytes or more.
            if (count == 0 || count > (uint)(_end - countAt) / 2)
                continue;
            foreach (int alignment in (ReadOnlySpan<int>)[8, 4])
            {
                int namesAt = Align(countAt + 4, alignment);
                foreach (bool hasBigSymbols in (ReadOnlySpan<bool>)[true, false])
                {
                    if (IsNames(namesAt, (int)count, alignment, hasBigSymbols))
                    {
                        names = new Names(countAt, (int)count, namesAt, hasBigSymbols);
                        return true;
                    }
                }
            }
        }

        names = default;
        return false;
    }

    public static int Align(int offset, int alignment) => (offset + alignment - 1) & -alignment;

    private bool IsNames(int namesAt, int count, int alignment, bool hasBigSymbols)
    {
        ReadOnlySpan<byte> bytes = _bytes[.._end];
        int at = namesAt;
        for (int i = 0; i < count; i++)
        {
            _budget--;
            if (!TryReadLength(bytes, ref at, hasBigSymbols, out int length) || length == 0 || length > bytes.Length - at || !_isType[bytes[at]])
                return false;
            at += length;
        }

        return IsMarkers(namesAt, Align(at, alignment), count, alignment, hasBigSymbols);
    }

    private readonly bool IsMarkers(int namesAt, int markersAt, int count, int alignment, bool hasBigSymbols)
    {
        int markerCount = (count + NamesPerMarker - 1) / NamesPerMarker;
        long end = Align(markersAt + markerCount * 4, alignment);
        bool endsAtTokens = end == Align(_end, alignment)
            || (end + SequenceSize * (long)count + alignment - 1 & -alignment) == Align(_end, alignment);
        if (!endsAtTokens)
            return false;

        int at = namesAt;
        for (int i = 0; i < count; i++)
        {
            if (i % NamesPerMarker == 0
                && BinaryPrimitives.ReadUInt32LittleEndian(_bytes[(markersAt + i / NamesPerMarker * 4)..]) != at - namesAt)
                return false;
            TryReadLength(_bytes, ref at, hasBigSymbols, out int length);
            at += length;
        }

        return true;
    }

    public static bool TryReadLength(ReadOnlySpan<byte> bytes, ref int at, bool hasBigSymbols, out int length)
    {
        length = 0;
        if (at >= bytes.Length)
            return false;
        length = bytes[at++];
        if (!hasBigSymbols || (length & 0x80) == 0)
            return true;
        if (at >= bytes.Length)
            return false;
        length = length & 0x7f | bytes[at++] << 7;
        return true;
    }
}
