using Lkm.Kernel.Sanitizer;

namespace Lkm.Kernel.Sessions;

/// <summary>Collects the rules that were broken: memory errors, warnings, oopses, and the end of the kernel itself.</summary>
internal sealed class KernelFindings(UserModeKernel kernel)
{
    private const int TaintDie = 7;

    private readonly List<Finding> _all = [];
    private int _memoryErrors, _warnings;
    private long _records = kernel.Log.Next;
    private ulong _taint = TaintOf(kernel);

    /// <summary>All so far.</summary>
    public IReadOnlyList<Finding> All => _all;

    /// <summary>What /proc/sys/kernel/tainted says.</summary>
    public static ulong TaintOf(UserModeKernel kernel) => kernel.Memory.ReadUInt64(kernel.Image.Symbol("tainted_mask"));

    /// <summary>Adds one that was found elsewhere.</summary>
    public void Add(Finding finding) => _all.Add(finding);

    /// <summary>Adds what has happened since this was last called.</summary>
    /// <param name="aTaskWasKilled">Whether a task was, so that the log may say why.</param>
    /// <param name="isStopped">Whether the whole kernel has stopped, which is a finding already.</param>
    public void Collect(bool aTaskWasKilled, bool isStopped = false)
    {
        for (; _memoryErrors < kernel.Faults.Reports.Count; _memoryErrors++)
        {
            var kind = kernel.Faults.Reports[_memoryErrors].Kind.Name();
            _all.Add(new Finding(kind, $"{kind} in {kernel.Faults.Places[_memoryErrors]}"));
        }

        for (; _warnings < kernel.Faults.Warnings.Count; _warnings++)
            _all.Add(new Finding("warning", kernel.Faults.Warnings[_warnings].Text));

        var taint = TaintOf(kernel);
        if (!isStopped && (aTaskWasKilled || ((taint & ~_taint) >> TaintDie & 1) != 0 || kernel.Log.Since(_records).Any(record => IsOops(record.Text))))
            AddOops();
        _taint = taint;
        _records = kernel.Log.Next;
    }

    /// <summary>Says of an oops what its log says: the first line, and where it happened.</summary>
    private void AddOops()
    {
        string? what = null;
        foreach (var text in kernel.Log.Since(_records).Select(record => record.Text))
        {
            if (what is null && IsFirstLine(text))
                what = text;
            if (what is not null && text.StartsWith("RIP: 0010:", StringComparison.Ordinal))
            {
                _all.Add(new Finding("oops", $"{what} at {text["RIP: 0010:".Length..]}"));
                return;
            }
        }

        _all.Add(new Finding("oops", what ?? "a task of the kernel was killed"));
    }

    /// <summary>The line with the error code and the number of the oops: a process that it ended may have been another's child.</summary>
    private static bool IsOops(string text) =>
        text.Contains(" [#", StringComparison.Ordinal) && (text.StartsWith("Oops: ", StringComparison.Ordinal) || text.Contains(": 0000 [#", StringComparison.Ordinal));

    private static bool IsFirstLine(string text) =>
        text.StartsWith("BUG: ", StringComparison.Ordinal)
        || text.StartsWith("kernel BUG at ", StringComparison.Ordinal)
        || text.StartsWith("watchdog: BUG: ", StringComparison.Ordinal)
        || text.Contains(": 0000 [#", StringComparison.Ordinal);
}
