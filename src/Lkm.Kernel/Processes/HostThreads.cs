using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Processes;

/// <summary>
/// Tasks of the kernel whose body is a C# method. The task itself is Linux's: fork makes it, it has a pid, a name and a stack, is
/// scheduled, sleeps, and ends in do_exit().
/// </summary>
public sealed partial class HostThreads
{
    private const ulong Sigchld = 17;

    private readonly GuestCalls _calls;
    private readonly Dictionary<ulong, Func<GuestTask<int>>> _bodies = [];
    private readonly ulong _create, _exit;
    private ulong _lastId;

    /// <summary>Finds the functions that make and end a task.</summary>
    public HostThreads(KernelImage image, GuestCalls calls)
    {
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

    [KernelFunction("lkm_thread")]
    private async GuestTask Thread(ulong id)
    {
        _bodies.Remove(id, out var body);
        var code = await body!();
        await _calls.Call(_exit, (ulong)(code & 0xff) << 8);
    }
}
