using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// A call that a C# method answers: the arguments where the System V ABI puts them (psABI x86-64, section 3.2.3), and the result.
/// Valid until the call returns, across awaits as well, for guest calls give every register but RAX back.
/// </summary>
public sealed class CallFrame
{
    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly ulong _stack;
    private ulong _result;
    private bool _hasResult;
    private bool _abandoned, _declined;

    internal CallFrame(Cpu cpu, GuestMemory memory)
    {
        _cpu = cpu;
        _memory = memory;
        _stack = cpu.Rsp;
    }

    /// <summary>Where the call returns to; identifies the caller in reports.</summary>
    public ulong ReturnAddress => _memory.ReadUInt64(_stack);

    /// <summary>The address of the return address: what the stack pointer was at the function's entry.</summary>
    public ulong StackPointer => _stack;

    /// <summary>The n-th integer argument, from 0: six from registers, further ones from the stack.</summary>
    public ulong Argument(int n) => n switch
    {
        0 => _cpu.Rdi,
        1 => _cpu.Rsi,
        2 => _cpu.Rdx,
        3 => _cpu.Rcx,
        4 => _cpu.R8,
        5 => _cpu.R9,
        _ => _memory.ReadUInt64(_stack + 8 + ((ulong)(n - 6) * 8)),
    };

    /// <summary>Sets what the caller finds in RAX.</summary>
    public void Return(ulong value)
    {
        _result = value;
        _hasResult = true;
    }

    /// <summary>Says that the processor goes on elsewhere: the function has switched tasks, or never returns.</summary>
    public void Abandon() => _abandoned = true;

    /// <summary>Says that the image's own function shall answer this call.</summary>
    public void Decline() => _declined = true;

    /// <summary>Returns to the caller as RET does.</summary>
    internal void Leave()
    {
        if (_declined)
        {
            _cpu.SkipHookOnce = true;
            return;
        }

        if (_abandoned)
            return;
        if (_hasResult)
            _cpu.Rax = _result;
        _cpu.Rip = _memory.ReadUInt64(_stack);
        _cpu.Rsp = _stack + 8;
    }
}
