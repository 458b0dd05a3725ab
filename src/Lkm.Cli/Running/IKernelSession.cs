using Lkm.Formats;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Running;

/// <summary>How loading or unloading one module went.</summary>
/// <param name="ReturnCode">What the system call returned: 0, or a negative errno.</param>
/// <param name="Microseconds">Virtual time that it took.</param>
/// <param name="Explanation">When it failed: one sentence for people.</param>
internal sealed record StepResult(int ReturnCode, long Microseconds, string? Explanation)
{
    /// <summary>The error; <see cref="Errno.OK"/> on success.</summary>
    public Errno Errno => (Errno)(-ReturnCode);

    /// <summary>Whether it succeeded.</summary>
    public bool Succeeded => ReturnCode == 0;
}

/// <summary>What a line of the kernel's shell did.</summary>
/// <param name="Line">The line.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Status">Its exit status.</param>
internal sealed record CommandResult(string Line, string Output, int Status);

/// <summary>A message of the kernel's log.</summary>
/// <param name="Nanoseconds">Virtual time since boot.</param>
/// <param name="Level">0 (emergency) to 7 (debug).</param>
/// <param name="Text">The message; it may have several lines.</param>
internal readonly record struct LogMessage(long Nanoseconds, int Level, string Text);

/// <summary>A user-mode kernel that modules are loaded into: what <c>lkm run</c> needs of one.</summary>
internal interface IKernelSession : IDisposable
{
    /// <summary>Told of each message when it is complete.</summary>
    event Action<LogMessage> Logged;

    /// <summary>The rules broken so far.</summary>
    IReadOnlyList<Finding> Findings { get; }

    /// <summary>/proc/sys/kernel/tainted.</summary>
    ulong Taint { get; }

    /// <summary>Told of each step of loading and unloading, when set.</summary>
    Action<LoadStep>? Tracer { get; set; }

    /// <summary>The kernel's time that each step may take; a command that waits for longer is ended.</summary>
    TimeSpan StepLimit { set; }

    /// <summary>Loads a module: finit_module(2). Its dependencies are loaded already.</summary>
    /// <param name="path">The .ko file.</param>
    /// <param name="parameters">As insmod takes them, separated by spaces.</param>
    StepResult Load(string path, string parameters);

    /// <summary>Unloads a module: delete_module(2).</summary>
    /// <param name="name">Its name.</param>
    StepResult Unload(string name);

    /// <summary>Whether a module is in memory but hides itself from the kernel's list of modules, so that nothing can unload it.</summary>
    /// <param name="module">Its name.</param>
    bool IsHidden(string module);

    /// <summary>Runs a line of the shell inside the kernel.</summary>
    /// <param name="line">The line.</param>
    CommandResult Execute(string line);

    /// <summary>Lets virtual time pass, in which the kernel does what waits for its time.</summary>
    /// <param name="milliseconds">How much.</param>
    void LetPass(int milliseconds);

    /// <summary>From now on, counts the allocations that modules make, and lets one of them fail.</summary>
    /// <param name="number">Which, from 1; 0 for none.</param>
    AllocationFaults FailAllocation(int number);

    /// <summary>Looks for what is found only at the end: memory that was never given back, and what was never taken back.</summary>
    /// <returns>Whether something still points to a module that is gone, so that time may bring it to light.</returns>
    bool CheckForLeaks();
}
