using Lkm.Kernel.Modules;

namespace Lkm.Kernel.Locking;

/// <summary>
/// Where modules call functions that take and give back locks: known from the relocations, so that the processor stops at these calls and at no others, and the
/// kernel's own locks cost nothing.
/// </summary>
/// <remarks>Most modules take no locks, so nothing is made before one is seen that does.</remarks>
internal sealed class LockCalls(UserModeKernel kernel) : ICallWatch
{
    private const byte Call = 0xe8, Jump = 0xe9;

    private Dictionary<ulong, LockFunction>? _functions, _sites;
    private LockChecks? _checks;

    /// <summary>Whether a module calls a lock's function here.</summary>
    internal bool Has(ulong address) => _sites?.ContainsKey(address) == true;

    /// <inheritdoc/>
    public bool Wants(ReadOnlySpan<byte> function) =>
        function.StartsWith("_raw_"u8) || function.StartsWith("mutex_"u8) || function.StartsWith("down_"u8) || function.StartsWith("up_"u8) || function.EndsWith("_sync"u8)
        || function.IndexOf("flush_"u8) >= 0 || function.EndsWith("_workqueue"u8);

    /// <inheritdoc/>
    public void Relocated(ulong target, ulong place)
    {
        _functions ??= FindFunctions();
        if (!_functions.TryGetValue(target, out var function) || kernel.Memory.ReadByte(place - 1) is not (Call or Jump))
            return;
        (_sites ??= [])[place - 1] = function;
        _checks?.ForgetSite(place - 1);
        kernel.Cpu.Hook(place - 1);
    }

    /// <inheritdoc/>
    public void Freed(ulong address, ulong size)
    {
        if (_sites is null)
            return;
        foreach (var site in _sites.Keys.Where(site => site - address < size).ToList())
        {
            _sites.Remove(site);
            kernel.Unhook(site);
        }

        _checks?.Forget(address, address + size);
    }

    /// <summary>A task has ended.</summary>
    internal void TaskEnded(ulong task) => _checks?.TaskEnded(task);

    /// <inheritdoc cref="LockChecks.WaitsFor"/>
    internal string? WaitsFor(ulong task, ulong place) => _checks?.WaitsFor(task, place);

    /// <summary>The processor has stopped at an address.</summary>
    /// <returns>Whether a call of a lock's function is the reason.</returns>
    internal bool Arrive(ulong address)
    {
        if (_sites is null || !_sites.TryGetValue(address, out var function))
            return false;
        _checks ??= new LockChecks(kernel);
        _checks.Call(function, kernel.Cpu.Rdi, address);
        return true;
    }

    private Dictionary<ulong, LockFunction> FindFunctions()
    {
        var functions = new Dictionary<ulong, LockFunction>();
        // A kernel that never preempts (Debian's 5.10) gives spinlocks back by a store in the module, not by a call: there they cannot be followed.
        var followsSpinning = kernel.Image.SymbolOrZero("_raw_spin_unlock") != 0;
        var followsSleeping = new LockState(kernel.Memory, kernel.Image).KnowsSleeping;
        foreach (var (name, function) in LockFunction.All())
        {
            if (kernel.Image.SymbolOrZero(name) is var address and not 0 && (function.Spins ? followsSpinning : followsSleeping))
                functions[address] = function;
        }

        return functions;
    }
}
