using System.Text.RegularExpressions;

namespace Lkm.Cli.Comparing;

/// <summary>
/// Makes the same of what differs from one run of the same kernel to the next: addresses, times, speeds, process ids, and in the report of an oops
/// or a warning the machine's name, the registers and the bytes of code, which hold addresses too.
/// </summary>
/// <remarks>Each becomes a word, so that a line with an address still differs from one without.</remarks>
internal static partial class Normalizer
{
    /// <summary>The text to compare.</summary>
    public static string Normalize(string line)
    {
        if (Machine().Match(line) is { Success: true } machine)
            return machine.Groups[1].Value;
        string text = UserProgram().Replace(line, "$1ADDRESS");
        text = PageTables().Replace(text, "$1TABLE");
        text = Address().Replace(text.TrimEnd(), "ADDRESS");
        text = Date().Replace(text, "DATE");
        text = Clock().Replace(text, "TIME");
        text = Measured().Replace(text, " N $1");
        return Process().Replace(text, "$1N");
    }

    /// <summary>
    /// Whether a line of a call trace is a guess ("? "): a return address that lies on the stack and that unwinding did not come by. What ran there
    /// before has left it, and that is another in each run.
    /// </summary>
    public static bool IsGuess(string line) => Guess().IsMatch(line);

    [GeneratedRegex(@"^\s+\? \S+")]
    private static partial Regex Guess();

    /// <summary>A pointer, or its hash, as %p and %px print it; shorter numbers are sizes and flags.</summary>
    [GeneratedRegex(@"(?<![0-9a-zA-Z])(0x)?[0-9a-f]{12,16}(?![0-9a-zA-Z])")]
    private static partial Regex Address();

    /// <summary>show_regs() and dump_stack_print_info(); a level may stand before.</summary>
    [GeneratedRegex(@"^((?:<\d>)?(?:Hardware name|Code|RSP|RAX|RDX|RBP|R10|R13|FS|CS|CR2|DR0|DR3): )")]
    private static partial Regex Machine();

    /// <summary>show_ip() of the user's registers: the program is busybox in real Linux, and lkm's own in lkm.</summary>
    [GeneratedRegex(@"^((?:<\d>)?RIP: 0033:0x)[0-9a-f]+$")]
    private static partial Regex UserProgram();

    /// <summary>dump_pagetable(): entries hold where in physical memory the next table is.</summary>
    [GeneratedRegex(@"\b((?:PGD|P4D|PUD|PMD|PTE) )(?!0\b)[0-9a-f]+")]
    private static partial Regex PageTables();

    /// <summary>As ls, date and drivers print it.</summary>
    [GeneratedRegex(@"\b((Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{1,2}\s+(\d\d:\d\d(:\d\d)?|\d{4})|\d{4}-\d\d-\d\d)\b")]
    private static partial Regex Date();

    /// <summary>The time of day.</summary>
    [GeneratedRegex(@"\b\d\d:\d\d:\d\d(\.\d+)?\b")]
    private static partial Regex Clock();

    /// <summary>A number with a unit of time or of speed.</summary>
    [GeneratedRegex(@"\s*\b\d+(?:\.\d+)?\s*(ns|nsec|us|usec|usecs|µs|ms|msec|msecs|s|sec|secs|seconds|jiffies|cycles|(?:[KMG]i?)?[Bb](?:ytes)?/s(?:ec)?|[KMG]?Hz|BogoMIPS)\b")]
    private static partial Regex Measured();

    /// <summary>What says of itself that it is a process.</summary>
    [GeneratedRegex(@"\b((?:pid|PID|tid|Pid|tgid|process)(?:[:=]|\s)\s*|scheduling while atomic: [^/]+/|note: [^[]+\[|^(?:<\d>)?\S+ \((?=\d+\): drop_caches: ))\d+")]
    private static partial Regex Process();
}
