using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Processes;

/// <summary>
/// Tasks of the kernel whose body is a C# method. The task itself is Linux's: fork makes it, it has a pid, a name and a stack, is
/// scheduled, sleeps, and ends in do_exit().
/// </summary>
public sealed partial class HostThreads
{
    private const ulong Sigchld = 17;

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly GuestCalls _calls;
    private readonly Dictionary<ulong, Func<GuestTask<int>>> _bodies = [];
    private readonly ulong _create, _exit;
    private ulong _lastId;

    /// <summary>Finds the functions that make and end a task.</summary>
    public HostThreads(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls)
    {
        _cpu = cpu;
        _memory = memory;
        _calls = calls;
        _create = image.TrySymbol("user_mode_thread", out var create) ? create : image.Symbol("kernel_thread");
        _exit = image.Symbol("do_exit");
    }

    /// <summary>
    /// What a task does that becomes a program without C# having made it do so, as call_usermodehelper()'s: called with the address of its struct pt_regs
    /// when it is about to return to user mode; the result is the exit code. Null for nothing.
    /// </summary>
    internal Func<ulong, GuestTask<int>>? Program { get; set; }

    /// <summary>Starts a task as a child of the running one. It runs when the scheduler gets to it.</summary>
    /// <param name="body">What it does; its result is the exit code (0 to 255, as in exit(2)).</param>
    /// <param name="flags">CLONE_* flags.</param>
    /// <returns>The pid, or a negative errno.</returns>
    public async GuestTask<int> Start(Func<GuestTask<int>> body, ulong flags = 0)
    {
        var id = Add(body);
        var pid = (int)await _calls.Call(_create, HookAddresses.Thread, id, flags | Sigchld);
        if (pid < 0)
            Forget(id);
        return pid;
    }

    /// <summary>Keeps what the child of a fork is to do.</summary>
    /// <returns>The id that the child has in R15.</returns>
    internal ulong Add(Func<GuestTask<int>> body)
    {
        var id = ++_lastId;
        _bodies[id] = body;
        return id;
    }

    /// <summary>There is no such child.</summary>
    internal void Forget(ulong id) => _bodies.Remove(id);

    /// <summary>
    /// A child of fork(2) is about to return to user mode, or a kernel thread that has become a program. All other returns of system calls end in C# before
    /// they come here, so a child's registers are its parent's: a copy of those that the system call was made with. execve(2) clears them all.
    /// </summary>
    [KernelFunction("swapgs_restore_regs_and_return_to_usermode")]
    private GuestTask ReturnToUser()
    {
        const ulong interruptFlag = 1 << 9;
        _cpu.Rflags |= interruptFlag;
        var id = _memory.ReadUInt64(_cpu.Rsp + Exceptions.PtRegs.R15);
        return id != 0 ? Thread(id) : RunProgram(_cpu.Rsp);
    }

    private async GuestTask RunProgram(ulong regs)
    {
        const int notFound = 127;
        var code = Program is { } program ? await program(regs) : notFound;
        await _calls.Call(_exit, (ulong)(code & 0xff) << 8);
    }

    [KernelFunction("lkm_thread")]
    private async GuestTask Thread(ulong id)
    {
        _bodies.Remove(id, out var body);
        var code = await body!();
        await _calls.Call(_exit, (ulong)(code & 0xff) << 8);
    }
}
