using Lkm.Kernel.Sanitizer;

namespace Lkm.Kernel.Sessions;

/// <summary>Collects the rules that were broken: memory errors, warnings, oopses, and the end of the kernel itself.</summary>
internal sealed class KernelFindings(UserModeKernel kernel)
{
    private readonly List<Finding> _all = [];
    private int _memoryErrors, _warnings;
    private long _records = kernel.Log.Next;
    private int _oopses = OopsesOf(kernel);

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

        var oopses = OopsesOf(kernel);
        if (!isStopped && (aTaskWasKilled || oopses != _oopses))
            AddOops();
        _oopses = oopses;
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

    /// <summary>How many oopses there have been (arch/x86/kernel/dumpstack.c, __die()): a process that one ended may have been another's child.</summary>
    private static int OopsesOf(UserModeKernel kernel) => kernel.Memory.ReadInt32(kernel.Image.Symbol("die_counter"));

    private static bool IsFirstLine(string text) =>
        text.StartsWith("BUG: ", StringComparison.Ordinal)
        || text.StartsWith("kernel BUG at ", StringComparison.Ordinal)
        || text.StartsWith("watchdog: BUG: ", StringComparison.Ordinal)
        || text.Contains(": 0000 [#", StringComparison.Ordinal);
}
