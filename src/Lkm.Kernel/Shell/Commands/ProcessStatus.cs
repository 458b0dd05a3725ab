using System.Globalization;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>What ps shows of /proc/PID/stat (fs/proc/array.c, do_task_stat()).</summary>
internal readonly record struct ProcessStatus(int Pid, int Parent, char State, string Name, bool IsKernelThread)
{
    private const ulong KernelThread = 0x00200000; // PF_KTHREAD

    /// <summary>The name, in brackets where it is a kernel thread's.</summary>
    public string Command => IsKernelThread ? $"[{Name}]" : Name;

    /// <summary>Reads a line. The command may hold anything, blanks and parentheses too: it ends at the last one.</summary>
    public static bool TryParse(string line, out ProcessStatus status)
    {
        status = default;
        int open = line.IndexOf('('), close = line.LastIndexOf(')');
        if (open < 1 || close < open)
            return false;
        var fields = line[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        const int state = 0, parent = 1, flags = 6;
        if (fields.Length <= flags || !int.TryParse(line.AsSpan(0, open), CultureInfo.InvariantCulture, out var pid)
            || !int.TryParse(fields[parent], CultureInfo.InvariantCulture, out var parentPid)
            || !ulong.TryParse(fields[flags], CultureInfo.InvariantCulture, out var flagBits))
        {
            return false;
        }

        status = new ProcessStatus(pid, parentPid, fields[state][0], line[(open + 1)..close], (flagBits & KernelThread) != 0);
        return true;
    }
}
