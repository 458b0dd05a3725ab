using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell;

/// <summary>A process that can fork, as the guest's can.</summary>
public interface IForks
{
    /// <summary>Forks: the child has a copy-on-write copy of the memory, and the files.</summary>
    /// <param name="body">What the child does, in its own process; its result is the exit status.</param>
    /// <returns>The child's pid, or a negative errno.</returns>
    GuestTask<int> Fork(Func<ISystemCalls, GuestTask<int>> body);

    /// <summary>Waits until a child has ended.</summary>
    /// <param name="pid">Its pid.</param>
    /// <returns>How it has ended.</returns>
    GuestTask<ChildEnd> AwaitEnd(int pid);
}

/// <summary>A process that can become another program.</summary>
public interface IExecutes
{
    /// <summary>execve(2).</summary>
    /// <param name="path">The program's file.</param>
    /// <param name="arguments">argv; the first one is the program's name.</param>
    /// <param name="environment">The environment, as NAME=VALUE.</param>
    /// <returns>Why it has not; then the process is as it was.</returns>
    GuestTask<Errno> Execute(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment);

    /// <summary>The arguments of the program that the process has become, as execve(2) put them on its stack: for a script, those of its interpreter.</summary>
    /// <returns>Null where the program is machine code of another's, which nobody executes here.</returns>
    GuestTask<List<string>?> ProgramArguments();

    /// <summary>The environment of the program that the process has become, as execve(2) put it there: each as NAME=VALUE.</summary>
    GuestTask<List<string>> ProgramEnvironment();
}

/// <summary>How a child has ended.</summary>
/// <param name="ExitStatus">What it exited with.</param>
/// <param name="Signal">The signal that has ended it; 0 where it exited.</param>
public readonly record struct ChildEnd(int ExitStatus, int Signal)
{
    private const int FirstSignalStatus = 128, FirstRealTime = 34; // glibc keeps two of the kernel's SIGRTMIN for itself

    /// <summary>The status as a shell has it: 128 and the signal's number where one has ended it.</summary>
    public int Status => Signal != 0 ? FirstSignalStatus + Signal : ExitStatus;

    /// <summary>
    /// What a shell says of a child that a signal has ended (strsignal(3)); null where it says nothing: it exited, or somebody pressed ^C, or nobody
    /// read what it wrote.
    /// </summary>
    public string? Message => Signal switch
    {
        0 or 2 or 13 => null, // SIGINT, SIGPIPE
        1 => "Hangup",
        3 => "Quit",
        4 => "Illegal instruction",
        5 => "Trace/breakpoint trap",
        6 => "Aborted",
        7 => "Bus error",
        8 => "Floating point exception",
        9 => "Killed",
        10 => "User defined signal 1",
        11 => "Segmentation fault",
        12 => "User defined signal 2",
        14 => "Alarm clock",
        15 => "Terminated",
        24 => "CPU time limit exceeded",
        25 => "File size limit exceeded",
        29 => "I/O possible",
        31 => "Bad system call",
        >= FirstRealTime and <= 64 => $"Real-time signal {Signal - FirstRealTime}",
        _ => $"Unknown signal {Signal}",
    };
}
