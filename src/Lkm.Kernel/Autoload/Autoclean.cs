using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;

namespace Lkm.Kernel.Autoload;

/// <summary>
/// Takes modules out again that request_module() has loaded, when nobody has used them for a while: what kerneld, and later
/// <c>rmmod --all</c> run by cron, did for Linux up to 2.4. A task of the guest looks at the use counts once a second of virtual time. A module
/// that somebody asks for by name stays.
/// </summary>
/// <param name="kernel">The kernel.</param>
/// <param name="idleSeconds">How long a module may be unused.</param>
/// <param name="remove">Unloads a module, then those of its dependencies that nobody uses and that may go.</param>
internal sealed class Autoclean(UserModeKernel kernel, int idleSeconds, Func<string, Func<string, bool>, GuestTask<bool>> remove)
{
    private const int InfoLevel = 6;

    private readonly Dictionary<string, long> _lastUsed = [];

    /// <summary>Adds a module that was loaded on demand.</summary>
    public void Add(string module) => _lastUsed[module] = kernel.Clock.Nanoseconds;

    /// <summary>A module is wanted for its own sake.</summary>
    public void Keep(string module) => _lastUsed.Remove(module);

    /// <summary>Starts the task, as a child of process 1.</summary>
    public void Start() => kernel.Init.Post(async () => await kernel.Threads.Start(async () =>
    {
        kernel.Tasks.SetComm(kernel.Scheduler.Current, "kautoclean");
        for (; ; )
        {
            await kernel.Calls.Call(kernel.Image.Symbol("schedule_timeout_idle"), Time.VirtualClock.Hz);
            await Sweep();
        }
    }));

    private async GuestTask Sweep()
    {
        var now = kernel.Clock.Nanoseconds;
        foreach (var name in _lastUsed.Keys.ToArray())
        {
            if (!_lastUsed.TryGetValue(name, out var lastUsed))
                continue; // it went with one that used it
            if (kernel.Modules.Modules.Find(name) is not { } module)
                _lastUsed.Remove(name);
            else if (module.State != ModuleState.Live || module.ReferenceCount != 0)
                _lastUsed[name] = now;
            else if (now - lastUsed >= idleSeconds * 1_000_000_000L)
                await Remove(name, now);
        }
    }

    private async GuestTask Remove(string name, long now)
    {
        if (await remove(name, _lastUsed.ContainsKey))
            kernel.Log.Write(InfoLevel, $"kautoclean: {name} was not used for {idleSeconds} s and is unloaded");
        else
            _lastUsed[name] = now; // it has no exit function, or somebody was quicker
    }
}
