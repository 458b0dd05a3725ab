using Lkm.Formats;
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
    private const string CloneArguments = "kernel_clone_args", CloneFunction = "fn";

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly GuestCalls _calls;
    private readonly Dictionary<ulong, Func<GuestTask<int>>> _bodies = [];
    private readonly ulong _create, _exit;
    private ulong _lastId;

    /// <summary>Finds the functions that make and end a task.</summary>
    public HostThreads(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls)
    {
        _cpu = cpu;
        _memory = memory;
        _image = image;
        _calls = calls;
        _create = image.TrySymbol("user_mode_thread", out var create) ? create : image.Symbol("kernel_thread");
        _exit = image.Symbol("do_exit");
    }

    /// <summary>Starts a task as a child of the running one. It runs when the scheduler gets to it.</summary>
    /// <param name="body">What it does; its result is the exit code (0 to 255, as in exit(2)).</param>
    /// <param name="flags">CLONE_* flags.</param>
    /// <returns>The pid, or a negative errno.</returns>
    public async GuestTask<int> Start(Func<GuestTask<int>> body, ulong flags = 0)
    {
        var id = ++_lastId;
        _bodies[id] = body;
        var pid = (int)await _calls.Call(_create, HookAddresses.Thread, id, flags | Sigchld);
        if (pid < 0)
            _bodies.Remove(id);
        return pid;
    }

    /// <summary>Looks up what fork is asked with; to be done before a snapshot is taken, which then holds it.</summary>
    internal static void LearnLayouts(KernelImage image)
    {
        var layout = image.FindStruct(CloneArguments);
        _ = (layout?.Find(CloneFunction), layout?.Find("fn_arg"), layout?.Find("exit_signal"));
    }

    /// <summary>
    /// Forks the running task as fork(2) does: the child has a copy-on-write copy of its address space, and its files. It runs a C# body.
    /// </summary>
    /// <returns>The pid; -ENOSYS where this kernel's fork can start no function in a process (before 5.19).</returns>
    public async GuestTask<int> Fork(Func<GuestTask<int>> body)
    {
        if (_image.FindStruct(CloneArguments) is not { } layout || layout.Find(CloneFunction) is not { } function)
            return -(int)Errno.ENOSYS;
        var id = ++_lastId;
        _bodies[id] = body;
        using var scratch = new StackScratch(_cpu, _memory);
        var arguments = scratch.Take((int)layout.Size);
        _memory.WriteInt32(arguments + layout["exit_signal"], (int)Sigchld);
        _memory.WriteUInt64(arguments + function, HookAddresses.Thread);
        _memory.WriteUInt64(arguments + layout["fn_arg"], id);
        var pid = (int)await _calls.Call(_image.Symbol("kernel_clone"), arguments);
        if (pid < 0)
            _bodies.Remove(id);
        return pid;
    }

    [KernelFunction("lkm_thread")]
    private async GuestTask Thread(ulong id)
    {
        _bodies.Remove(id, out var body);
        var code = await body!();
        await _calls.Call(_exit, (ulong)(code & 0xff) << 8);
    }
}
