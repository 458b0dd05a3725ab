using Lkm.Kernel.Boot;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Processes;

/// <summary>
/// The SYSCALL instruction of a program. The processor enters the image's own entry code where that has built the hardware's frame on the task's
/// stack (entry_SYSCALL_64_after_hwframe), and the call is over where do_syscall_64() has returned to it. So the way in and out,
/// signals and deferred work included, is Linux's, and the stack holds what it holds on Linux. Where a module has laid code of its own before that
/// (MSR_LSTAR), the processor enters there, as from the program.
/// </summary>
public sealed class SystemCallEntry(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls, CallSites sites, PerCpuArea perCpu)
{
    private const string EntryLabel = "entry_SYSCALL_64_after_hwframe";
    private const int Most = 600;

    private readonly Dictionary<string, int> _numbers = [];
    private readonly ulong _entry = image.Symbol(EntryLabel);
    private readonly ulong _target = image.SymbolOrZero("entry_SYSCALL_64");

    // The table before modules put functions of their own in it.
    private readonly ulong[] _functions = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(memory.Span(image.Symbol("sys_call_table"), Most * sizeof(ulong))).ToArray();
    private ulong _site;

    /// <summary>Where the SYSCALL instruction leads.</summary>
    internal Func<ulong>? Target { get; init; }

    /// <summary>The number of a system call in this kernel.</summary>
    /// <param name="name">Its name as in __x64_sys_NAME.</param>
    /// <returns>-1 where this kernel has none of that name.</returns>
    public int Number(string name)
    {
        if (_numbers.TryGetValue(name, out var number))
            return number;
        number = -1;
        if (image.TrySymbol("__x64_sys_" + name, out var function))
            number = Array.IndexOf(_functions, function);

        return _numbers[name] = number;
    }

    /// <summary>Makes a system call in the running task.</summary>
    /// <param name="registers">The user's registers, as struct pt_regs names them; RAX is the number.</param>
    /// <returns>The address of the task's struct pt_regs, as the call left it.</returns>
    public async GuestTask<ulong> Enter(UserRegisters registers)
    {
        const ulong userCodeSegment = 0x33, userDataSegment = 0x2b, interruptFlag = 1 << 9, flags = interruptFlag | 0x46, always = 2;
        if (_site == 0 && (_site = sites.Find(EntryLabel, "do_syscall_64")) == 0)
            throw new Symbols.KernelMismatchException("this kernel's entry code does not call do_syscall_64()");
        var regs = memory.ReadUInt64(perCpu.TopOfStack) - PtRegs.Size;
        memory.WriteUInt64(regs + PtRegs.Ip, registers.Ip);
        memory.WriteUInt64(regs + PtRegs.Cs, userCodeSegment);
        memory.WriteUInt64(regs + PtRegs.Flags, flags);
        memory.WriteUInt64(regs + PtRegs.Sp, registers.Sp);
        memory.WriteUInt64(regs + PtRegs.Ss, userDataSegment);
        var (rbx, rbp, r12, r13, r14, r15) = (cpu.Rbx, cpu.Rbp, cpu.R12, cpu.R13, cpu.R14, cpu.R15);
        var target = Target?.Invoke() ?? _target;
        if (target == _target)
            await calls.Enter(_entry, regs + PtRegs.Ip, _site, regs, Load);
        else
            await calls.Enter(target, registers.Sp, _site, regs, LoadOutside);
        (cpu.Rbx, cpu.Rbp, cpu.R12, cpu.R13, cpu.R14, cpu.R15) = (rbx, rbp, r12, r13, r14, r15);
        cpu.Rflags |= interruptFlag;
        return regs;

        void Load(Cpu processor)
        {
            (processor.Rdi, processor.Rsi, processor.Rdx) = (registers.Di, registers.Si, registers.Dx);
            (processor.R10, processor.R8, processor.R9) = (registers.R10, registers.R8, registers.R9);
            (processor.Rax, processor.Rcx, processor.R11) = (registers.Ax, registers.Ip, flags);
            (processor.Rbx, processor.Rbp, processor.R12, processor.R13, processor.R14, processor.R15) = (0, 0, 0, 0, 0, registers.R15);
            processor.Rflags = always;
        }

        void LoadOutside(Cpu processor)
        {
            Load(processor);
            (processor.GsBase, processor.KernelGsBase) = (processor.KernelGsBase, processor.GsBase);
        }
    }
}

/// <summary>What a program has in its registers when it makes a system call; the names are those of struct pt_regs.</summary>
/// <param name="Ax">The number.</param>
/// <param name="Di">The first argument.</param>
/// <param name="Si">The second argument.</param>
/// <param name="Dx">The third argument.</param>
/// <param name="R10">The fourth argument.</param>
/// <param name="R8">The fifth argument.</param>
/// <param name="R9">The sixth argument.</param>
/// <param name="R15">What a child finds there as well.</param>
/// <param name="Ip">The address behind the SYSCALL instruction.</param>
/// <param name="Sp">The stack pointer.</param>
public readonly record struct UserRegisters(ulong Ax, ulong Di, ulong Si, ulong Dx, ulong R10, ulong R8, ulong R9, ulong R15, ulong Ip, ulong Sp);
