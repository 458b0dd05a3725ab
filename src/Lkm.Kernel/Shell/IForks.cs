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
    /// <returns>Its exit status as a shell has it: 128 and the signal's number where one has ended it.</returns>
    GuestTask<int> AwaitEnd(int pid);
}
