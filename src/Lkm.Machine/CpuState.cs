using System.Runtime.Intrinsics;

namespace Lkm.Machine;

/// <summary>
/// Everything a processor remembers between two instructions, as plain values: what a snapshot or a task switch keeps.
/// </summary>
public sealed record CpuState
{
    /// <summary>RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.</summary>
    public required ulong[] Gpr { get; init; }

    /// <summary>The address of the next instruction.</summary>
    public required ulong Rip { get; init; }

    /// <summary>All flags.</summary>
    public required ulong Rflags { get; init; }

    /// <summary>The base of FS.</summary>
    public required ulong FsBase { get; init; }

    /// <summary>The base of GS.</summary>
    public required ulong GsBase { get; init; }

    /// <summary>What SWAPGS exchanges with the base of GS.</summary>
    public required ulong KernelGsBase { get; init; }

    /// <summary>CR0, CR2, CR3, CR4, CR8 and EFER.</summary>
    public required ulong[] Control { get; init; }

    /// <summary>DR0 to DR7.</summary>
    public required ulong[] Debug { get; init; }

    /// <summary>GDTR base and limit, IDTR base and limit, LDTR, TR, two unused.</summary>
    public required ulong[] Tables { get; init; }

    /// <summary>The selectors ES, CS, SS, DS, FS, GS.</summary>
    public required ushort[] Segments { get; init; }

    /// <summary>The SSE registers, low half first.</summary>
    public required UInt128[] Xmm { get; init; }

    /// <summary>MXCSR.</summary>
    public required uint Mxcsr { get; init; }

    /// <summary>The x87 control word.</summary>
    public required ushort FpuControl { get; init; }

    /// <summary>The current privilege level: 0 is the kernel.</summary>
    public required int Privilege { get; init; }

    /// <summary>Instructions retired so far.</summary>
    public required long Instructions { get; init; }
}
