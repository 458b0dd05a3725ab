using Lkm.Kernel.Time;

namespace Lkm.Kernel.Printing;

/// <summary>
/// The kernel log. A record ends with its newline; one without may be continued by KERN_CONT, until anything else is written
/// (kernel/printk/printk.c, vprintk_store()).
/// </summary>
public sealed class KernelLog(VirtualClock clock)
{
    /// <summary>CONFIG_MESSAGE_LOGLEVEL_DEFAULT: the level of a message that names none.</summary>
    public const int DefaultLevel = 4;

    private readonly List<LogRecord> _records = [];
    private bool _open;

    /// <summary>All records since the machine was started.</summary>
    public IReadOnlyList<LogRecord> Records => _records;

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
            _records[^1] = _records[^1] with { Text = _records[^1].Text + text };
        }
        else
        {
            Flush();
            _records.Add(new LogRecord(clock.Nanoseconds, level < 0 ? DefaultLevel : level, text, Phase));
        }

        _open = true;
        if (ends)
            Flush();
    }

    /// <summary>Writes a complete record from the core itself.</summary>
    public void Write(int level, string text) => Print(level, text + "\n");

    /// <summary>Takes over a record of the boot that a snapshot holds.</summary>
    internal void Restore(LogRecord record) => _records.Add(record);

    /// <summary>Ends a record that could still be continued.</summary>
    public void Flush()
    {
        if (!_open)
            return;
        _open = false;
        Written?.Invoke(_records[^1]);
    }
}
