namespace Lkm.Kernel.Exceptions;

/// <summary>struct pt_regs on x86-64 (arch/x86/include/uapi/asm/ptrace-abi.h): byte offsets of the saved registers.</summary>
internal static class PtRegs
{
    public const ulong R15 = 0;
    public const ulong R14 = 8;
    public const ulong R13 = 16;
    public const ulong R12 = 24;
    public const ulong Bp = 32;
    public const ulong Bx = 40;
    public const ulong R11 = 48;
    public const ulong R10 = 56;
    public const ulong R9 = 64;
    public const ulong R8 = 72;
    public const ulong Ax = 80;
    public const ulong Cx = 88;
    public const ulong Dx = 96;
    public const ulong Si = 104;
    public const ulong Di = 112;
    public const ulong OrigAx = 120;
    public const ulong Ip = 128;
    public const ulong Cs = 136;
    public const ulong Flags = 144;
    public const ulong Sp = 152;
    public const ulong Ss = 160;
    public const ulong Size = 168;
}
