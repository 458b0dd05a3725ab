using System.Buffers.Binary;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>hexdump as of util-linux: the canonical format (-C), and two-byte words without it.</summary>
internal static class HexdumpCommand
{
    private const int Width = 16;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "Cvn:s:");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        long most = long.MaxValue, skip = 0;
        if (options.Value('n') is { } length && !Numbers.TrySize(length, out most))
            return await c.Fail($"invalid length '{length}'");
        if (options.Value('s') is { } offset && !Numbers.TrySize(offset, out skip))
            return await c.Fail($"invalid offset '{offset}'");
        var dump = new Dump(c, options.Has('C'), options.Has('v'), skip, most);
        var status = await c.ForEachInput(options.Operands, (_, input) => dump.Take(input));
        dump.End();
        return status;
    }

    /// <summary>The files, as one run of bytes.</summary>
    private sealed class Dump(CommandContext c, bool isCanonical, bool showsAll, long skip, long most)
    {
        private readonly byte[] _row = new byte[Width];
        private byte[]? _last;
        private bool _isRepeating;
        private int _filled;
        private readonly long _start = skip;
        private long _offset = skip;
        private long _toSkip = skip;

        public async GuestTask<Errno> Take(IByteSource input)
        {
            while (most > 0 && !c.OutputFailed)
            {
                var read = await input.Read(TextCommands.StreamSize);
                if (read.IsEnd)
                    return read.Error;
                var skipped = (int)Math.Min(_toSkip, read.Bytes.Length);
                _toSkip -= skipped;
                Add(read.Bytes.AsSpan(skipped));
                await c.FlushIfLong();
            }

            return Errno.OK;
        }

        public void End()
        {
            if (_filled > 0)
                PrintRow();
            if (_offset > _start)
                c.Print(isCanonical ? $"{_offset:x8}\n" : $"{_offset:x7}\n");
        }

        private void Add(ReadOnlySpan<byte> bytes)
        {
            bytes = bytes[..(int)Math.Min(bytes.Length, most)];
            most -= bytes.Length;
            foreach (var b in bytes)
            {
                _row[_filled++] = b;
                if (_filled == Width)
                    PrintRow();
            }
        }

        private void PrintRow()
        {
            var isSame = !showsAll && _filled == Width && _last is not null && _last.AsSpan().SequenceEqual(_row);
            if (!isSame)
                c.Print(isCanonical ? Canonical() : Words());
            else if (!_isRepeating)
                c.Print("*\n");
            _isRepeating = isSame;
            _last = _row.ToArray();
            _offset += _filled;
            _filled = 0;
        }

        private string Canonical()
        {
            var line = new StringBuilder().Append($"{_offset:x8} ");
            for (var i = 0; i < Width; i++)
                line.Append(i % 8 == 0 ? " " : "").Append(i < _filled ? $"{_row[i]:x2} " : "   ");
            line.Append(" |");
            foreach (var b in _row.AsSpan(0, _filled))
                line.Append(b is >= 0x20 and < 0x7f ? (char)b : '.');
            return line.Append("|\n").ToString();
        }

        private string Words()
        {
            _row.AsSpan(_filled).Clear();
            var line = new StringBuilder().Append($"{_offset:x7}");
            for (var i = 0; i < Width; i += 2)
                line.Append(i < _filled ? $" {BinaryPrimitives.ReadUInt16LittleEndian(_row.AsSpan(i)):x4}" : "     ");
            return line.Append('\n').ToString();
        }
    }
}
