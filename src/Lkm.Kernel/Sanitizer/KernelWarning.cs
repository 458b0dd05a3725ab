namespace Lkm.Kernel.Sanitizer;

/// <summary>What Linux says with WARN() in a function that C# answers.</summary>
/// <param name="Function">The function that warns.</param>
/// <param name="Text">The message.</param>
/// <param name="Pid">The running task.</param>
/// <param name="Details">Lines that come before the warning.</param>
public sealed record KernelWarning(string Function, string Text, int Pid, IReadOnlyList<string> Details)
{
    /// <summary>The lines as __warn_printk() and __warn() write them (kernel/panic.c); the line of the source is not known.</summary>
    /// <param name="stackDump">The lines of dump_stack().</param>
    public IEnumerable<string> Format(IEnumerable<string> stackDump) =>
    [
        .. Details,
        "------------[ cut here ]------------",
        Text,
        $"WARNING: CPU: 0 PID: {Pid} at {Function}",
        .. stackDump,
        "---[ end trace 0000000000000000 ]---",
    ];
}
