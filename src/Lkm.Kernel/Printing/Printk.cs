using System.Text;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Printing;

/// <summary>
/// printk(): formatting is borrowed (vscnprintf(), with all of %p's extensions), the log is C#'s. Only vprintk_emit() is replaced,
/// where every way of printing ends.
/// </summary>
public sealed partial class Printk
{
    /// <summary>LOG_LINE_MAX of 6.1, in bytes.</summary>
    private const ulong LineMax = 1024 - 32;

    private readonly GuestMemory _memory;
    private readonly GuestCalls _calls;
    private readonly KernelLog _log;
    private readonly ulong _vscnprintf;
    private readonly ulong _buffers;
    private int _depth;

    /// <summary>Creates the override.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">The kernel.</param>
    /// <param name="calls">Calls into it.</param>
    /// <param name="log">Where the text goes.</param>
    /// <param name="buffers">A page for the formatted text: an interrupt may print while an interrupted task does.</param>
    public Printk(GuestMemory memory, KernelImage image, GuestCalls calls, KernelLog log, ulong buffers)
    {
        _memory = memory;
        _calls = calls;
        _log = log;
        _buffers = buffers;
        _vscnprintf = image.Symbol("vscnprintf");
    }

    [KernelFunction("vprintk_emit")]
    private async GuestTask<int> VprintkEmit(int facility, int level, ulong deviceInfo, ulong format, ulong arguments)
    {
        _ = facility;
        const int nestedBuffers = 4;
        var buffer = _buffers + ((ulong)(_depth++ % nestedBuffers) * 1024);
        var length = (int)await _calls.Call(_vscnprintf, buffer, LineMax, format, arguments);
        _depth--;
        const int deferred = -2, unknown = -1; // LOGLEVEL_SCHED: only when it comes to a console, which matters to nobody here; LOGLEVEL_DEFAULT
        _log.Print(level == deferred ? unknown : level, Encoding.UTF8.GetString(_memory.Span(buffer, length)), deviceInfo != 0);
        return length;
    }

    [KernelFunction("wake_up_klogd")]
    [KernelFunction("defer_console_output")]
    private void WakeUpConsole()
    {
        // The log is read by the host, which needs no waking.
    }
}
