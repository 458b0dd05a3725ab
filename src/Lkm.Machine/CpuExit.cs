namespace Lkm.Machine;

/// <summary>Why <see cref="Cpu.Run"/> returned.</summary>
public enum CpuExitKind
{
    /// <summary>The budget is used up; RIP is the next instruction, at a block's edge.</summary>
    Budget,

    /// <summary>RIP arrived at a hooked address; its instruction has not run.</summary>
    Hook,

    /// <summary>An exception or a software interrupt: see <see cref="CpuExit.Vector"/>.</summary>
    Exception,

    /// <summary>HLT was executed; RIP is after it.</summary>
    Halt,

    /// <summary>A SYSCALL, SYSENTER, SYSRET or SYSEXIT instruction; RIP is at it.</summary>
    SystemCall,

    /// <summary>An instruction this processor does not know; RIP is at it, see <see cref="Cpu.UnsupportedInstruction"/>.</summary>
    Unsupported,
}

/// <summary>Exception vectors (Intel SDM volume 3, table 6-1).</summary>
public static class CpuVector
{
    /// <summary>#DE, division error.</summary>
    public const int DivideError = 0;

    /// <summary>#DB, single step; RIP is after the instruction.</summary>
    public const int Debug = 1;

    /// <summary>#BP, INT3; RIP is after it.</summary>
    public const int Breakpoint = 3;

    /// <summary>#UD, an undefined instruction.</summary>
    public const int InvalidOpcode = 6;

    /// <summary>#GP, general protection, among others for non-canonical addresses.</summary>
    public const int GeneralProtection = 13;

    /// <summary>#PF, page fault; also what the shadow denied.</summary>
    public const int PageFault = 14;
}

/// <summary>The bits of a page fault's error code.</summary>
[Flags]
public enum PageFaultError : uint
{
    /// <summary>No bit: a read of a page that is not there, by the kernel.</summary>
    None = 0,

    /// <summary>The page is there and forbids the access.</summary>
    Present = 1,

    /// <summary>It was a write.</summary>
    Write = 2,

    /// <summary>It came from user mode.</summary>
    User = 4,

    /// <summary>A reserved bit was set in a page table.</summary>
    Reserved = 8,

    /// <summary>It was an instruction fetch.</summary>
    Fetch = 16,
}

/// <summary>Why the processor stopped, with all that an exception says.</summary>
/// <param name="Kind">The reason.</param>
/// <param name="Vector">The exception's vector (<see cref="CpuVector"/>) or the interrupt number of INT n.</param>
/// <param name="ErrorCode">The exception's error code (<see cref="PageFaultError"/> for page faults).</param>
/// <param name="Address">The address of the fault or the hook; for INT n the address after it.</param>
/// <param name="Size">Bytes of the access that faulted.</param>
/// <param name="Write">Whether it was a write.</param>
/// <param name="Shadow">What the shadow said where the access was denied, if it was the shadow that denied it.</param>
public readonly record struct CpuExit(
    CpuExitKind Kind, int Vector, uint ErrorCode, ulong Address, int Size, bool Write, Shadow Shadow)
{
    /// <summary>Whether the INT n instruction, and not an exception, is the cause.</summary>
    public bool IsSoftwareInterrupt { get; init; }
}
