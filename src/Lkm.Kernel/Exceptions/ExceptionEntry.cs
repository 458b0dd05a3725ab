using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// What arch/x86/entry/entry_64.S does for the processor's exceptions: the registers go on the stack as struct pt_regs, the image's
/// own handler runs (exc_page_fault() and its kin: exception tables, user page faults, WARN and BUG, kprobes, oopses are all borrowed),
/// and the registers that it leaves are loaded.
/// </summary>
public sealed class ExceptionEntry
{
    private const int FirstInterrupt = 32; // FIRST_EXTERNAL_VECTOR
    private const ulong TrapFlag = 1 << 8, InterruptFlag = 1 << 9, DirectionFlag = 1 << 10, AlignmentCheckFlag = 1 << 18;
    private const ulong KernelCodeSegment = 0x10;
    private const ulong KernelDataSegment = 0x18;
    private const ulong NoSystemCall = ulong.MaxValue; // ORIG_RAX of an exception: idtentry_body passes the error code as an argument

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly GuestCalls _calls;
    private readonly Handler?[] _handlers = new Handler?[256]; // by vector
    private readonly Handler _interrupt, _timer, _irqWork, _doubleFault;
    private readonly ExceptionStacks _stacks;
    private readonly UserAccess _userAccess;

    /// <summary>Finds the image's handlers.</summary>
    internal ExceptionEntry(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls, CallSites sites, UserAccess userAccess)
    {
        _userAccess = userAccess;
        _cpu = cpu;
        _memory = memory;
        _calls = calls;
        Add(CpuVector.DivideError, "exc_divide_error");
        Add(CpuVector.Debug, "exc_debug");
        Add(CpuVector.Breakpoint, "exc_int3");
        Add(CpuVector.InvalidOpcode, "exc_invalid_op");
        Add(CpuVector.GeneralProtection, "exc_general_protection");
        Add(CpuVector.PageFault, "exc_page_fault");

        _interrupt = Of("common_interrupt");
        _timer = Of("sysvec_apic_timer_interrupt");
        _irqWork = Of("sysvec_irq_work");
        _doubleFault = Of("exc_double_fault");
        _stacks = new ExceptionStacks(image);

        void Add(int vector, string handler) => _handlers[vector] = Of(handler);

        Handler Of(string handler) => new(image.Symbol(handler), sites.Find($"asm_{handler}", handler));
    }

    /// <summary>Handles the exception that the processor stopped with.</summary>
    public async GuestTask Deliver(CpuExit exit)
    {
        var isInterrupt = exit.IsSoftwareInterrupt && exit.Vector >= FirstInterrupt;
        var handler = isInterrupt ? _interrupt : _handlers[exit.Vector]!;
        var argument = isInterrupt ? (ulong)exit.Vector : exit.ErrorCode;
        if (exit.Vector == CpuVector.PageFault)
            _cpu.Cr2 = exit.Address;
        var regs = Push(exit.Vector == CpuVector.Debug ? _stacks.Debug : _cpu.Rsp);
        var isOpened = false;
        if (_userAccess.IsPrevented(exit))
        {
            Mask();
            isOpened = await _userAccess.HasArea(exit.Address, regs);
        }

        if (isOpened)
            _memory.WriteUInt64(regs + PtRegs.Flags, _memory.ReadUInt64(regs + PtRegs.Flags) | AlignmentCheckFlag);
        await Run(handler, regs, argument);
        Load(regs);
        if (isOpened)
            _cpu.AlignmentCheckFlag = false;
    }

    /// <summary>The interrupt of a device.</summary>
    /// <param name="vector">What the interrupt controller says.</param>
    public GuestTask DeliverInterrupt(int vector) => Deliver(_interrupt, (ulong)vector);

    /// <summary>The interrupt of the local APIC's timer.</summary>
    public GuestTask DeliverTimer() => Deliver(_timer, 0);

    /// <summary>The interrupt for irq_work.</summary>
    internal GuestTask DeliverIrqWork() => Deliver(_irqWork, 0);

    /// <summary>
    /// A task that has used up its stack: no exception can be delivered on it, so the processor raises a double fault, which has a stack
    /// of its own. exc_double_fault() tells by CR2 that a guard page was hit, and does not return.
    /// </summary>
    /// <param name="address">What could not be reached.</param>
    public async GuestTask DeliverDoubleFault(ulong address)
    {
        _cpu.Cr2 = address;
        await Run(_doubleFault, Push(_stacks.DoubleFault), 0);
    }

    private async GuestTask Deliver(Handler handler, ulong argument)
    {
        var regs = Push(_cpu.Rsp);
        await Run(handler, regs, argument);
        Load(regs);
    }

    private GuestCall Run(Handler handler, ulong regs, ulong argument)
    {
        _cpu.Rsp = regs;
        Mask();
        return handler.Site != 0 ? _calls.CallFrom(handler.Site, regs, handler.Function, regs, argument) : _calls.Call(handler.Function, regs, argument);
    }

    private void Mask() => _cpu.Rflags &= ~(InterruptFlag | TrapFlag | DirectionFlag | AlignmentCheckFlag);

    /// <summary>Where the pt_regs of an exception lie when it is delivered at a stack pointer, which the processor aligns.</summary>
    public static ulong FrameBelow(ulong stack) => (stack & ~15UL) - PtRegs.Size;

    private ulong Push(ulong stack)
    {
        var regs = FrameBelow(stack);
        _memory.WriteUInt64(regs + PtRegs.R15, _cpu.R15);
        _memory.WriteUInt64(regs + PtRegs.R14, _cpu.R14);
        _memory.WriteUInt64(regs + PtRegs.R13, _cpu.R13);
        _memory.WriteUInt64(regs + PtRegs.R12, _cpu.R12);
        _memory.WriteUInt64(regs + PtRegs.Bp, _cpu.Rbp);
        _memory.WriteUInt64(regs + PtRegs.Bx, _cpu.Rbx);
        _memory.WriteUInt64(regs + PtRegs.R11, _cpu.R11);
        _memory.WriteUInt64(regs + PtRegs.R10, _cpu.R10);
        _memory.WriteUInt64(regs + PtRegs.R9, _cpu.R9);
        _memory.WriteUInt64(regs + PtRegs.R8, _cpu.R8);
        _memory.WriteUInt64(regs + PtRegs.Ax, _cpu.Rax);
        _memory.WriteUInt64(regs + PtRegs.Cx, _cpu.Rcx);
        _memory.WriteUInt64(regs + PtRegs.Dx, _cpu.Rdx);
        _memory.WriteUInt64(regs + PtRegs.Si, _cpu.Rsi);
        _memory.WriteUInt64(regs + PtRegs.Di, _cpu.Rdi);
        _memory.WriteUInt64(regs + PtRegs.OrigAx, NoSystemCall);
        _memory.WriteUInt64(regs + PtRegs.Ip, _cpu.Rip);
        _memory.WriteUInt64(regs + PtRegs.Cs, KernelCodeSegment);
        _memory.WriteUInt64(regs + PtRegs.Flags, _cpu.Rflags);
        _memory.WriteUInt64(regs + PtRegs.Sp, _cpu.Rsp);
        _memory.WriteUInt64(regs + PtRegs.Ss, KernelDataSegment);
        return regs;
    }

    private void Load(ulong regs)
    {
        _cpu.R15 = _memory.ReadUInt64(regs + PtRegs.R15);
        _cpu.R14 = _memory.ReadUInt64(regs + PtRegs.R14);
        _cpu.R13 = _memory.ReadUInt64(regs + PtRegs.R13);
        _cpu.R12 = _memory.ReadUInt64(regs + PtRegs.R12);
        _cpu.Rbp = _memory.ReadUInt64(regs + PtRegs.Bp);
        _cpu.Rbx = _memory.ReadUInt64(regs + PtRegs.Bx);
        _cpu.R11 = _memory.ReadUInt64(regs + PtRegs.R11);
        _cpu.R10 = _memory.ReadUInt64(regs + PtRegs.R10);
        _cpu.R9 = _memory.ReadUInt64(regs + PtRegs.R9);
        _cpu.R8 = _memory.ReadUInt64(regs + PtRegs.R8);
        _cpu.Rax = _memory.ReadUInt64(regs + PtRegs.Ax);
        _cpu.Rcx = _memory.ReadUInt64(regs + PtRegs.Cx);
        _cpu.Rdx = _memory.ReadUInt64(regs + PtRegs.Dx);
        _cpu.Rsi = _memory.ReadUInt64(regs + PtRegs.Si);
        _cpu.Rdi = _memory.ReadUInt64(regs + PtRegs.Di);
        _cpu.Rip = _memory.ReadUInt64(regs + PtRegs.Ip);
        _cpu.Rflags = _memory.ReadUInt64(regs + PtRegs.Flags);
        _cpu.Rsp = _memory.ReadUInt64(regs + PtRegs.Sp);
    }

    /// <summary>A function of the image's that handles an exception, and where its entry code calls it.</summary>
    private sealed record Handler(ulong Function, ulong Site);
}
