using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Processes;

/// <content>Children.</content>
public sealed partial class UserProcess
{
    private const ulong NoHang = 1; // WNOHANG

    /// <summary>Forks: the child has a copy of this process's memory, pages copied when either writes them, and its files.</summary>
    /// <param name="body">What the child does; its result is the exit status.</param>
    /// <returns>The child's pid, or a negative errno.</returns>
    public async GuestTask<int> Fork(Func<UserProcess, GuestTask<int>> body)
    {
        const ulong sigchld = 17;
        var id = _kernel.Threads.Add(() => body(Child()));
        var pid = (int)await SystemCall("clone", new UserRegisters { Di = sigchld, R15 = id });
        if (pid < 0)
            _kernel.Threads.Forget(id);
        return pid;
    }

    /// <inheritdoc/>
    GuestTask<int> IForks.Fork(Func<ISystemCalls, GuestTask<int>> body) => Fork(child => body(child));

    /// <summary>Waits for a child, as wait4(2) does.</summary>
    /// <param name="pid">Its pid.</param>
    /// <param name="hang">Whether to sleep until it has changed its state.</param>
    /// <returns>The pid (0: not yet, or a negative errno), and the status as wait(2) gives it: exit status &lt;&lt; 8, or the signal.</returns>
    public async GuestTask<(long Pid, int Status)> Wait(int pid, bool hang = true)
    {
        var status = await Put(new byte[sizeof(int)]);
        var result = await SystemCall("wait4", (ulong)pid, status, hang ? 0 : NoHang);
        return (result, BitConverter.ToInt32(await Get(status, sizeof(int))));
    }

    /// <inheritdoc/>
    async GuestTask<ChildEnd> IForks.AwaitEnd(int pid)
    {
        const int signals = 0x7f;
        var (_, status) = await Wait(pid);
        return new ChildEnd(status >> 8 & 0xff, status & signals);
    }

    /// <summary>Whether this is the process of a task, or a descendant of it.</summary>
    internal bool IsOf(ulong task) => _task == task || (_parent is { } parent && parent.IsOf(task));

    private UserProcess Child() => new(_kernel) { Buffer = Buffer, _instruction = _instruction, _stack = _stack, _parent = this };
}
