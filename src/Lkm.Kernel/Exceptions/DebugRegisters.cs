using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// Breakpoints and watchpoints of the processor (Intel SDM volume 3, 17.2): what DR0 to DR3 and DR7 ask for, which the image's hw_breakpoint
/// code writes. Data is watched through the shadow, code by a hook; a match is #DB, with its bit in DR6.
/// </summary>
/// <param name="cpu">The processor.</param>
/// <param name="memory">Its memory.</param>
/// <param name="release">Unhooks an address, unless somebody else wants it hooked.</param>
internal sealed class DebugRegisters(Cpu cpu, GuestMemory memory, Action<ulong> release)
{
    private const int Count = 4, Status = 6, Control = 7;
    private const ulong Enabled = 0xff; // L0, G0 ... G3 of DR7
    private const ulong ResumeFlag = 1 << 16;

    private readonly List<Watchpoint> _data = [];
    private readonly List<Breakpoint> _code = [];

    /// <summary>A debug register was written: from the next instruction on, what they say now holds.</summary>
    public void Written(int register)
    {
        if (register is not (< Count or Control))
            return;
        var control = cpu.GetDebug(Control);
        if ((control & Enabled) == 0 && _data.Count == 0 && _code.Count == 0)
            return; // the kernel clears them as it starts
        memory.EndWatches();
        _data.Clear();
        ulong[] hooked = [.. _code.Select(entry => entry.Address)];
        _code.Clear();
        foreach (var address in hooked)
            release(address);
        for (var i = 0; i < Count; i++)
        {
            if (((control >> (2 * i)) & 3) != 0)
                Set(cpu.GetDebug(i), 1UL << i, (control >> (16 + (4 * i))) & 15);
        }
    }

    /// <summary>
    /// An access of watched memory: it is made, and if it is one that was asked for, #DB follows. One that the memory's own state forbids is
    /// the fault that it would be otherwise.
    /// </summary>
    /// <returns>What the processor has come to: an exception, or <see cref="CpuExitKind.Budget"/> when it can go on.</returns>
    public CpuExit Handle(CpuExit exit)
    {
        if (!memory.IsAccessible(exit.Address, (ulong)exit.Size, exit.Write, out var bad))
        {
            var own = memory.ShadowAt(bad);
            var isPresent = own is Shadow.ReadOnly or Shadow.ReadOnlyCode;
            var error = (PageFaultError)exit.ErrorCode & ~PageFaultError.Present;
            return exit with { Shadow = own, ErrorCode = (uint)(isPresent ? error | PageFaultError.Present : error) };
        }

        var moving = exit.Write ? cpu.Rdi : cpu.Rsi;
        var done = cpu.StepIgnoringShadow();
        if (done.Kind == CpuExitKind.Exception)
            return done;
        var (first, last) = (exit.Address, exit.Address + (ulong)exit.Size - 1);
        if (moving == exit.Address && (exit.Write ? cpu.Rdi : cpu.Rsi) is var moved && moved != moving)
            (first, last) = moved > moving ? (moving, Math.Max(last, moved - 1)) : (moved, last); // a string instruction, all of it
        ulong bits = 0;
        foreach (var watchpoint in _data)
        {
            if (watchpoint.First <= last && watchpoint.Last >= first && (exit.Write || !watchpoint.WritesOnly))
                bits |= watchpoint.Bit;
        }

        return bits == 0 ? done : Raise(bits);
    }

    /// <summary>The processor is about to execute what lies at a hooked address: #DB, when it is a breakpoint.</summary>
    public bool TryBreak(ulong address, out CpuExit exit)
    {
        exit = default;
        if (_code.Count == 0)
            return false;
        ulong bits = 0;
        foreach (var (at, bit) in _code)
            bits |= at == address ? bit : 0;
        if (bits == 0)
            return false;
        if ((cpu.Rflags & ResumeFlag) != 0) // its handler has returned
        {
            cpu.Rflags &= ~ResumeFlag;
            return false;
        }

        exit = Raise(bits);
        return true;
    }

    /// <summary>Whether a hook at the address is one of these.</summary>
    public bool Has(ulong address)
    {
        foreach (var breakpoint in _code) // asked at every hook: no closure
        {
            if (breakpoint.Address == address)
                return true;
        }

        return false;
    }

    private void Set(ulong address, ulong bit, ulong kind)
    {
        var condition = kind & 3;
        var length = (kind >> 2) switch { 0 => 1UL, 1 => 2UL, 2 => 8UL, _ => 4UL };
        if (!GuestMemory.Contains(address, length))
            return; // a user's: there is no user code
        const ulong execute = 0, write = 1;
        if (condition == execute)
        {
            _code.Add(new Breakpoint(address, bit));
            cpu.Hook(address);
            return;
        }

        _data.Add(new Watchpoint(address, address + length - 1, bit, condition == write));
        memory.Watch(address, length);
    }

    private CpuExit Raise(ulong bits)
    {
        cpu.SetDebug(Status, cpu.GetDebug(Status) | bits);
        return new CpuExit(CpuExitKind.Exception, CpuVector.Debug, 0, cpu.Rip, 0, false, default);
    }

    private sealed record Breakpoint(ulong Address, ulong Bit);

    private sealed record Watchpoint(ulong First, ulong Last, ulong Bit, bool WritesOnly);
}
