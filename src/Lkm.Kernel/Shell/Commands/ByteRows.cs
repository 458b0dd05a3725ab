using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Prints a row.</summary>
/// <param name="offset">Of its first byte in the input.</param>
/// <param name="row">Its bytes; fewer than the others' at the end.</param>
internal delegate void RowPrinter(long offset, ReadOnlySpan<byte> row);

/// <summary>The bytes of a command's inputs, which are one after another, in rows.</summary>
/// <param name="width">Bytes of a row.</param>
/// <param name="skip">What is left out at the beginning.</param>
/// <param name="most">What is taken behind it.</param>
internal sealed class ByteRows(int width, long skip, long most)
{
    private readonly byte[] _row = new byte[width];
    private long _toSkip = skip, _left = most;
    private int _filled;

    /// <summary>The offset of the next row.</summary>
    public long Offset { get; private set; } = skip;

    /// <summary>Whether the inputs ended before what was to be left out.</summary>
    public bool IsTooShort => _toSkip > 0;

    /// <summary>Takes an input.</summary>
    public async GuestTask<Errno> Take(CommandContext c, IByteSource input, RowPrinter print)
    {
        while (_left > 0 && !c.OutputFailed)
        {
            var read = await input.Read((int)Math.Min(TextCommands.StreamSize, _left > long.MaxValue - _toSkip ? long.MaxValue : _left + _toSkip));
            if (read.IsEnd)
                return read.Error;
            var skipped = (int)Math.Min(_toSkip, read.Bytes.Length);
            _toSkip -= skipped;
            Add(read.Bytes.AsSpan(skipped), print);
            await c.FlushIfLong();
        }

        return Errno.OK;
    }

    /// <summary>Prints the row that the inputs did not fill.</summary>
    public void End(RowPrinter print)
    {
        if (_filled > 0)
            Print(print);
    }

    private void Add(ReadOnlySpan<byte> bytes, RowPrinter print)
    {
        bytes = bytes[..(int)Math.Min(bytes.Length, _left)];
        _left -= bytes.Length;
        foreach (var b in bytes)
        {
            _row[_filled++] = b;
            if (_filled == width)
                Print(print);
        }
    }

    private void Print(RowPrinter print)
    {
        print(Offset, _row.AsSpan(0, _filled));
        Offset += _filled;
        _filled = 0;
    }
}
