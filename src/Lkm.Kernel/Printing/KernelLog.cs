using System.Text;

namespace Lkm.Kernel.Printing;

/// <summary>
/// The kernel log. A record ends with its newline; one without may be continued by KERN_CONT, until anything else is written
/// (kernel/printk/printk.c, vprintk_store()). It holds what the kernel's own ring buffer would: when that is full, the oldest records go
/// (kernel/printk/printk_ringbuffer.c).
/// </summary>
/// <param name="now">The time that stamps a record, in nanoseconds of virtual time.</param>
/// <param name="capacity">The kernel's log_buf_len: bytes of text that are kept, a power of two.</param>
public sealed class KernelLog(Func<long> now, uint capacity = 1 << 17)
{
    /// <summary>CONFIG_MESSAGE_LOGLEVEL_DEFAULT: the level of a message that names none.</summary>
    public const int DefaultLevel = 4;

    /// <summary>PRB_AVGBITS: there is a descriptor for each 32 bytes of text.</summary>
    private const int AverageBits = 5;

    private readonly LogRecord[] _ring = new LogRecord[capacity >> AverageBits];
    private long _bytes;
    private bool _open;

    /// <summary>The number of the oldest record that is still there. The first since the machine was started has 0.</summary>
    public long First { get; private set; }

    /// <summary>The number that the next record will have.</summary>
    public long Next { get; private set; }

    /// <summary>The number of the first record that dmesg shows: what came before was cleared (clear_seq).</summary>
    public long Cleared { get; private set; }

    /// <summary>All records that are there, the oldest first.</summary>
    public IEnumerable<LogRecord> Records => Since(First);

    /// <summary>What lkm is doing, for the records to say.</summary>
    public string? Phase { get; set; }

    /// <summary>Told of each record when it is complete: a line that may still be continued is told by the next one, or by <see cref="Flush"/>.</summary>
    public event Action<LogRecord>? Written;

    /// <summary>Writes a message that may begin with a KERN_* prefix and end with a newline, as printk() takes it.</summary>
    /// <param name="level">The level given beside the text, or -1.</param>
    /// <param name="text">The formatted text.</param>
    /// <param name="hasDevice">Whether dev_printk() wrote it; such a record is complete without a newline.</param>
    public void Print(int level, string text, bool hasDevice = false)
    {
        const char startOfHeader = '\u0001';
        var isContinuation = false;
        while (text.Length >= 2 && text[0] == startOfHeader)
        {
            if (text[1] is >= '0' and <= '7' && level == -1)
                level = text[1] - '0';
            else if (text[1] == 'c')
                isContinuation = true;
            text = text[2..];
        }

        var ends = hasDevice || text.EndsWith('\n');
        if (text.EndsWith('\n'))
            text = text[..^1];
        if (isContinuation && _open)
        {
            var last = this[Next - 1];
            last = last with { Text = last.Text + text };
            Next--;
            _bytes -= SizeOf(this[Next]);
            Add(last);
        }
        else
        {
            Flush();
            Add(new LogRecord(now(), level < 0 ? DefaultLevel : level, text, Phase));
        }

        _open = true;
        if (ends)
            Flush();
    }

    /// <summary>Writes a complete record from the core itself.</summary>
    public void Write(int level, string text) => Print(level, text + "\n");

    /// <summary>Takes over a record of the boot that a snapshot holds.</summary>
    internal void Restore(LogRecord record) => Add(record);

    /// <summary>The records from a number on, as far as they are still there.</summary>
    public IEnumerable<LogRecord> Since(long number)
    {
        for (number = Math.Max(number, First); number < Next; number = Math.Max(number + 1, First))
            yield return this[number];
    }

    /// <summary>Lets dmesg show what comes from now on only (SYSLOG_ACTION_CLEAR).</summary>
    public void Clear() => Cleared = Next;

    /// <summary>Ends a record that could still be continued.</summary>
    public void Flush()
    {
        if (!_open)
            return;
        _open = false;
        Written?.Invoke(this[Next - 1]);
    }

    private ref LogRecord this[long number] => ref _ring[number & (_ring.Length - 1)];

    private void Add(LogRecord record)
    {
        var size = SizeOf(record);
        while (First < Next && (Next - First == _ring.Length || _bytes + size > capacity))
            _bytes -= SizeOf(this[First++]);
        this[Next++] = record;
        _bytes += size;
    }

    /// <summary>What a record takes of the ring: struct prb_data_block, an identifier and the text, aligned to a long.</summary>
    private static int SizeOf(LogRecord record) => (sizeof(long) + Encoding.UTF8.GetByteCount(record.Text) + sizeof(long) - 1) & -sizeof(long);
}
