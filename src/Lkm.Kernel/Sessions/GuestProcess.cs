using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Sessions;

/// <summary>A process of the guest whose body is C#, from its fork to the end of wait4().</summary>
public sealed class GuestProcess
{
    internal GuestProcess(string name, Action<GuestProcess>? ended = null)
    {
        Name = name;
        Ended = ended;
    }

    /// <summary>The name that it was started with.</summary>
    public string Name { get; }

    /// <summary>Its id; 0 before it has been forked.</summary>
    public int Pid { get; internal set; }

    /// <summary>Its task_struct while it runs; otherwise 0.</summary>
    public ulong Task { get; internal set; }

    /// <summary>Called when it is gone.</summary>
    internal Action<GuestProcess>? Ended { get; }

    /// <summary>Whether it is gone.</summary>
    public bool IsOver { get; internal set; }

    /// <summary>Whether its body came to its end; false when the process was killed, as by a signal or an oops.</summary>
    public bool IsFinished { get; internal set; }

    /// <summary>How it has ended; killed, where it could not be started.</summary>
    public ChildEnd End { get; internal set; } = new(0, 9);

    /// <summary>What a shell calls its exit status: that of exit(2), or 128 and the signal that killed it.</summary>
    public int Status => End.Status;

    /// <summary>Virtual time that it took, in nanoseconds.</summary>
    public long Nanoseconds { get; internal set; }
}
