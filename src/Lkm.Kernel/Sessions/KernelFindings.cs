using Lkm.Kernel.Sanitizer;

namespace Lkm.Kernel.Sessions;

/// <summary>Collects the rules that were broken: memory errors, warnings, oopses, and the end of the kernel itself.</summary>
internal sealed class KernelFindings(UserModeKernel kernel)
{
    private const string Watchdog = "watchdog: BUG: ";
    private const string Ours = "lkm: ";
    private const string KeptWords = " has kept the processor for ";
    private const ulong SoftLockup = 1 << 14; // TAINT_SOFTLOCKUP

    private static readonly string[] OtherReports =
    [
        "BUG: KASAN: ", "BUG: scheduling while atomic: ", "BUG: sleeping function called from invalid context at ", "BUG: kernel NULL pointer dereference", "BUG: unable to handle ",
    ];

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
            var kind = kernel.Faults.Reports[_memoryErrors].Kind;
            var remark = kind == MemoryErrorKind.UserMemoryAccess ? ": a user's pointer, followed by itself, which is an oops on processors with SMAP" : "";
            _all.Add(new Finding(kind.Name(), $"{kind.Name()} in {kernel.Faults.Places[_memoryErrors]}{remark}"));
        }

        var told = new HashSet<string>();
        for (; _warnings < kernel.Faults.Warnings.Count; _warnings++)
        {
            told.Add(kernel.Faults.Warnings[_warnings].Text);
            _all.Add(new Finding("warning", kernel.Faults.Warnings[_warnings].Text));
        }

        var oopses = OopsesOf(kernel);
        var oops = !isStopped && (aTaskWasKilled || oopses != _oopses) ? AddOops() : null;
        _oopses = oopses;
        AddComplaints(told, oops);
        if ((TaintOf(kernel) & SoftLockup) != 0)
            AddLockups(oops);
        _records = kernel.Log.Next;
    }

    /// <summary>
    /// The line of the log that says that lkm ends a task which never gives the processor back. Linux's own watchdog tells of it beside that, when it has kept the processor
    /// for so many of the kernel's own seconds; it ends nobody.
    /// </summary>
    public static string Kept(string comm, int pid, int seconds) => $"{Ours}{comm}[{pid}]{KeptWords}{seconds} seconds, and is ended";

    /// <summary>Says of an oops what its log says: the first line, and where it happened.</summary>
    /// <returns>The first line, if the log has it.</returns>
    private string? AddOops()
    {
        var lines = NewLines().SkipWhile(text => !IsFirstLine(text)).ToList();
        var what = lines.FirstOrDefault();
        var summary = what is null ? "a task of the kernel was killed" : what.StartsWith(Ours, StringComparison.Ordinal) ? what[Ours.Length..] : what;
        _all.Add(new Finding("oops", summary + PlaceIn(lines)));
        return what;
    }

    /// <summary>
    /// What the kernel's own checks said of a rule that was broken, and went on: WARN() in the image's code, and lines that begin with "BUG: ". What a module warns of
    /// itself is its own affair, and in the log only.
    /// </summary>
    /// <param name="told">The texts of warnings that are told of already; what is added joins them.</param>
    /// <param name="oops">The first line of an oops that is told of already.</param>
    private void AddComplaints(HashSet<string> told, string? oops)
    {
        const string cut = "------------[ cut here ]------------", bug = "BUG: ";
        var message = new List<string>();
        foreach (var line in NewLines())
        {
            if (line.StartsWith(cut, StringComparison.Ordinal))
            {
                message.Clear();
            }
            else if (PlaceOfWarning(line) is not { } place)
            {
                message.Add(line);
                if (line.StartsWith(bug, StringComparison.Ordinal) && line != oops && !IsToldOf(line) && told.Add(line))
                    _all.Add(new Finding("bug", line[bug.Length..]));
            }
            else if (!place.EndsWith(']'))
            {
                var text = string.Join(' ', message).TrimEnd();
                if (told.Add(text.Length == 0 ? place : text))
                    _all.Add(new Finding("warning", text.Length == 0 ? $"WARNING at {place}" : $"{text} ({place})"));
            }
        }
    }

    /// <summary>Where a warning says that it is: the file, the line and the function (__warn(), kernel/panic.c). Since 6.19 the processor comes last.</summary>
    private static string? PlaceOfWarning(string line)
    {
        const string before = "WARNING: CPU: ", warning = "WARNING: ", at = " at ", processor = ", CPU#";
        if (line.StartsWith(before, StringComparison.Ordinal) && line.IndexOf(at, StringComparison.Ordinal) is > 0 and var place)
            return line[(place + at.Length)..];
        return line.StartsWith(warning, StringComparison.Ordinal) && line.IndexOf(processor, StringComparison.Ordinal) is > 0 and var end ? line[warning.Length..end] : null;
    }

    /// <summary>Whether a complaint is among the reports of what lkm checks itself, or an oops: those are other findings.</summary>
    private static bool IsToldOf(string line) =>
        OtherReports.Any(start => line.StartsWith(start, StringComparison.Ordinal));

    /// <summary>
    /// Whoever kept the processor for so long that the image's watchdog told of it (watchdog_timer_fn(), kernel/watchdog.c): each task once, by the last time that it did.
    /// </summary>
    /// <param name="ended">The line of one that is told of already, as it was ended for it.</param>
    private void AddLockups(string? ended)
    {
        var known = new HashSet<string>();
        if (ended?.IndexOf(KeptWords, StringComparison.Ordinal) is > 0 and var end)
            known.Add($"[{ended[Ours.Length..end].Replace('[', ':')}");
        var lines = NewLines();
        for (var i = lines.Count - 1; i >= 0; i--)
        {
            if (lines[i].StartsWith(Watchdog, StringComparison.Ordinal) && known.Add(lines[i][lines[i].LastIndexOf('[')..]))
                _all.Add(new Finding("soft lockup", lines[i][Watchdog.Length..] + PlaceIn(lines.Skip(i))));
        }
    }

    private List<string> NewLines()
    {
        var lines = new List<string>();
        foreach (var record in kernel.Log.Since(_records))
            lines.Add(record.Text);
        return lines;
    }

    /// <summary>Where the kernel was, by the first dump of its registers.</summary>
    private static string PlaceIn(IEnumerable<string> lines)
    {
        const string place = "RIP: 0010:";
        return lines.FirstOrDefault(text => text.StartsWith(place, StringComparison.Ordinal)) is { } registers ? $" at {registers[place.Length..]}" : "";
    }

    /// <summary>How many oopses there have been (arch/x86/kernel/dumpstack.c, __die()): a process that one ended may have been another's child.</summary>
    private static int OopsesOf(UserModeKernel kernel) => kernel.Memory.ReadInt32(kernel.Image.Symbol("die_counter"));

    private static bool IsFirstLine(string text) =>
        text.StartsWith("BUG: ", StringComparison.Ordinal)
        || text.StartsWith("kernel BUG at ", StringComparison.Ordinal)
        || text.Contains(KeptWords, StringComparison.Ordinal)
        || text.Contains(": 0000 [#", StringComparison.Ordinal);
}
