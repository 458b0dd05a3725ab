namespace Lkm.Formats.Compression;

/// <summary>A byte array that grows by doubling, up to a limit, while a decoder fills it.</summary>
internal sealed class OutputBuffer(long capacity, int limit, byte[]? storage = null)
{
    private const int SmallestCapacity = 64 * 1024;

    private byte[] _bytes = storage ?? new byte[Math.Clamp(capacity, Math.Min(SmallestCapacity, limit), limit)];
    private int _length;

    /// <summary>True once the decoder had more to say than the limit allows.</summary>
    public bool IsOverLimit { get; private set; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    public Span<byte> Free => _bytes.AsSpan(_length);

    public byte[] Array => _bytes;

    public int Length => _length;

    /// <summary>
    /// Makes room for at least one more byte. One byte beyond the limit is allowed, so that a stream of exactly that size still
    /// reaches its end mark; filling it is what breaks the limit.
    /// </summary>
    public bool TryReserve(int count = 1)
    {
        if (_length > limit)
            IsOverLimit = true;
        if (IsOverLimit)
            return false;
        if (_bytes.Length - _length < count)
        {
            long wanted = Math.Max(2L * _bytes.Length, (long)_length + count);
            System.Array.Resize(ref _bytes, (int)Math.Max(Math.Min(wanted, limit), (long)_length + count));
        }

        return true;
    }

    public void Advance(int count)
    {
        _length += count;
        if (_length > limit)
            IsOverLimit = true;
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Free);
        Advance(bytes.Length);
    }
}
