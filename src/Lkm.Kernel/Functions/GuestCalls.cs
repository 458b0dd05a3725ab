using System.Runtime.CompilerServices;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// Calls from the kernel core into guest code. A call pushes a return address that lies on no page (<see cref="ReturnAddress"/>): when
/// the guest returns to it, the loop that runs the CPU asks <see cref="TryReturn"/> to go on with what awaited the call. A
/// pending call is known by the stack pointer that it will be returned with, so that tasks may be switched while calls are _pending.
/// </summary>
public sealed class GuestCalls
{
    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly Dictionary<ulong, GuestCall> _pending = [];
    private readonly HashSet<ulong> _sites = [];

    /// <summary>Creates the table of pending calls of a processor.</summary>
    /// <param name="cpu">The processor.</param>
    /// <param name="memory">Its memory.</param>
    /// <param name="returnAddress">A guest address that nothing else uses; it is hooked.</param>
    public GuestCalls(Cpu cpu, GuestMemory memory, ulong returnAddress)
    {
        _cpu = cpu;
        _memory = memory;
        ReturnAddress = returnAddress;
        cpu.Hook(returnAddress);
    }

    /// <summary>The return address of calls from the core.</summary>
    public ulong ReturnAddress { get; }

    /// <summary>Whether any call has not returned; a snapshot needs none.</summary>
    public bool Any => _pending.Count > 0;

    /// <summary>Prepares a call; it starts when it is awaited. The seventh argument is passed on the stack (x86-64 psABI, 3.2.3).</summary>
    public GuestCall Call(
        ulong function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0, ulong a6 = 0) =>
        new(this, function, a0, a1, a2, a3, a4, a5, a6);

    /// <summary>
    /// Prepares a call in the name of code of the image: with the return address, and on the very stack, with which that code would make it.
    /// So whoever walks the stack sees what C# stands for.
    /// </summary>
    /// <param name="site">The instruction behind the image's own call (<see cref="CallSites"/>).</param>
    /// <param name="stack">The stack pointer there.</param>
    /// <param name="function">The function that is called.</param>
    /// <param name="a0">Its first argument.</param>
    /// <param name="a1">Its second argument.</param>
    /// <param name="a2">Its third argument.</param>
    /// <param name="a3">Its fourth argument.</param>
    /// <param name="a4">Its fifth argument.</param>
    /// <param name="framePointer">RBP there; 0 for the running code's.</param>
    internal GuestCall CallFrom(ulong site, ulong stack, ulong function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong framePointer = 0)
    {
        if (_sites.Add(site))
            _cpu.Hook(site);
        return new GuestCall(this, function, a0, a1, a2, a3, a4, 0, 0) { Site = site, Stack = stack, FramePointer = framePointer };
    }

    /// <summary>
    /// Prepares a jump to entry code of the image, as by an instruction or an interrupt. It is over when the processor arrives at an address with a
    /// stack pointer.
    /// </summary>
    /// <param name="entry">Where the processor goes.</param>
    /// <param name="entryStack">Its stack pointer there.</param>
    /// <param name="site">The address where it is over.</param>
    /// <param name="stack">The stack pointer there.</param>
    /// <param name="load">Loads the other registers.</param>
    internal GuestCall Enter(ulong entry, ulong entryStack, ulong site, ulong stack, Action<Cpu> load)
    {
        if (_sites.Add(site))
            _cpu.Hook(site);
        return new GuestCall(this, entry, 0, 0, 0, 0, 0, 0, 0) { Site = site, Stack = stack, EntryStack = entryStack, Load = load };
    }

    /// <summary>RSP of the running code.</summary>
    internal ulong StackPointer => _cpu.Rsp;

    /// <summary>RIP of the running code: in a function that C# answers, its entry.</summary>
    internal ulong InstructionPointer => _cpu.Rip;

    /// <summary>RBP of the running code.</summary>
    internal ulong FramePointer => _cpu.Rbp;

    /// <summary>Whether an address is one that calls from the core return to.</summary>
    internal bool Has(ulong address) => address == ReturnAddress || _sites.Contains(address);

    /// <summary>Goes on with the call that returned to an address with this stack pointer, if it is a call's.</summary>
    internal bool TryReturn(ulong address)
    {
        if (!Has(address))
            return false;
        if (!_pending.Remove(_cpu.Rsp, out var call))
            throw new InvalidOperationException($"a return to the core at stack {_cpu.Rsp:x} that no call is waiting for");
        call.Finish(_cpu);
        return true;
    }

    internal void Start(GuestCall call)
    {
        call.Save(_cpu);
        if (call.Load is { } load)
        {
            _pending[call.Stack] = call;
            load(_cpu);
            (_cpu.Rsp, _cpu.Rip) = (call.EntryStack, call.Function);
            return;
        }

        if (call.Site != 0)
        {
            _memory.WriteUInt64(call.Stack - 8, call.Site);
            _pending[call.Stack] = call;
            _cpu.Rsp = call.Stack - 8;
            _cpu.Rip = call.Function;
            if (call.FramePointer != 0)
                _cpu.Rbp = call.FramePointer;
            call.LoadArguments(_cpu);
            return;
        }

        // Not right below the stack pointer: a task that is about to return to the core has popped its return address, and the call that
        // it returns from is still known by this very stack pointer.
        var stack = ((_cpu.Rsp - 16) & ~15UL) - 8;
        _memory.WriteUInt64(stack, ReturnAddress);
        _memory.WriteUInt64(stack + 8, call.StackArgument);
        _pending[stack + 8] = call;
        _cpu.Rsp = stack;
        _cpu.Rip = call.Function;
        call.LoadArguments(_cpu);
    }
}

/// <summary>One call of a guest function; awaiting it runs the function, and gives RAX.</summary>
public sealed class GuestCall : INotifyCompletion
{
    private readonly GuestCalls _calls;
    private readonly ulong _a0, _a1, _a2, _a3, _a4, _a5;
    private ulong _rcx, _rdx, _rsi, _rdi, _r8, _r9, _r10, _r11, _rsp, _rip, _rbp;
    private Action? _continuation;

    internal GuestCall(GuestCalls calls, ulong function, ulong a0, ulong a1, ulong a2, ulong a3, ulong a4, ulong a5, ulong a6)
    {
        StackArgument = a6;
        _calls = calls;
        Function = function;
        (_a0, _a1, _a2, _a3, _a4, _a5) = (a0, a1, a2, a3, a4, a5);
    }

    /// <summary>False until the guest has returned.</summary>
    public bool IsCompleted { get; private set; }

    /// <summary>The address called.</summary>
    internal ulong Function { get; }

    internal ulong StackArgument { get; }

    /// <summary>The return address of a call in the image's name; 0 for one of the core's own.</summary>
    internal ulong Site { get; init; }

    /// <summary>The stack pointer of a call in the image's name.</summary>
    internal ulong Stack { get; init; }

    /// <summary>RBP of a call in the image's name; 0 for what it is.</summary>
    internal ulong FramePointer { get; init; }

    /// <summary>The stack pointer with which entry code is entered.</summary>
    internal ulong EntryStack { get; init; }

    /// <summary>Loads the registers with which entry code is entered; null for a call.</summary>
    internal Action<Cpu>? Load { get; init; }

    private ulong Result { get; set; }

    /// <summary>The awaiter: the call itself.</summary>
    public GuestCall GetAwaiter() => this;

    /// <summary>What the function left in RAX.</summary>
    public ulong GetResult() => Result;

    /// <inheritdoc/>
    public void OnCompleted(Action continuation)
    {
        _continuation = continuation;
        _calls.Start(this);
    }

    /// <summary>
    /// Keeps the registers that a function may clobber, for the caller on whose stack this runs may count on them: GCC's IPA-RA lets a
    /// caller keep a value in a caller-saved register across a call of a function that it knows not to touch it.
    /// </summary>
    internal void Save(Cpu cpu) =>
        (_rcx, _rdx, _rsi, _rdi, _r8, _r9, _r10, _r11, _rsp, _rip, _rbp) =
            (cpu.Rcx, cpu.Rdx, cpu.Rsi, cpu.Rdi, cpu.R8, cpu.R9, cpu.R10, cpu.R11, cpu.Rsp, cpu.Rip, cpu.Rbp);

    internal void LoadArguments(Cpu cpu) =>
        (cpu.Rdi, cpu.Rsi, cpu.Rdx, cpu.Rcx, cpu.R8, cpu.R9, cpu.Rax) = (_a0, _a1, _a2, _a3, _a4, _a5, 0);

    internal void Finish(Cpu cpu)
    {
        Result = cpu.Rax;
        (cpu.Rcx, cpu.Rdx, cpu.Rsi, cpu.Rdi, cpu.R8, cpu.R9, cpu.R10, cpu.R11, cpu.Rsp, cpu.Rip) =
            (_rcx, _rdx, _rsi, _rdi, _r8, _r9, _r10, _r11, _rsp, _rip);
        if (FramePointer != 0)
            cpu.Rbp = _rbp;
        IsCompleted = true;
        _continuation!();
    }
}
