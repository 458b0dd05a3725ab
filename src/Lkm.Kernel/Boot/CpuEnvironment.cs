using System.Runtime.InteropServices;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What surrounds the processor: the board's devices at their ports, and itself. CPUID shows a plain x86-64 with SSE2 and nothing that would choose
/// vector code (28 of Debian's modules pick their integer path then). Model-specific registers that exist keep what is written; Linux has set those
/// of system calls (syscall_init()).
/// </summary>
internal sealed class CpuEnvironment(UserModeKernel kernel, KernelImage image) : ICpuEnvironment
{
    private const uint MsrEfer = 0xc0000080;
    private const uint MsrPat = 0x277;
    private const uint MsrTsc = 0x10;
    private const uint MsrApicBase = 0x1b;
    private const uint MsrPatchLevel = 0x8b;
    private const uint MsrMiscEnable = 0x1a0;
    private const uint MsrStar = 0xc0000081;
    private const uint MsrLstar = 0xc0000082;
    private const uint MsrCstar = 0xc0000083;
    private const uint MsrSyscallMask = 0xc0000084;

    private readonly Dictionary<ulong, ulong> _msrs = new()
    {
        [MsrEfer] = 0xd01, // SCE, LME, LMA, NXE
        [MsrPat] = 0x0007040600070406,
        [MsrApicBase] = 0xfee00900,
        [MsrMiscEnable] = 1,
        [MsrPatchLevel] = 0x01000065, // of qemu64
        [MsrStar] = 0x0023001000000000, // __USER32_CS and __KERNEL_CS
        [MsrLstar] = image.SymbolOrZero("entry_SYSCALL_64"),
        [MsrCstar] = image.SymbolOrZero("entry_SYSCALL_compat"),
        [MsrSyscallMask] = 0x257fd5, // of the flags
    };

    /// <summary>Where the SYSCALL instruction leads: entry_SYSCALL_64 until a module lays itself before that.</summary>
    public ulong SystemCallTarget => _msrs[MsrLstar];

    /// <inheritdoc/>
    public ulong TimestampCounter => (ulong)kernel.Clock.Nanoseconds;

    /// <inheritdoc/>
    public bool MakeWritable(ulong address) => kernel.MemoryProtection.MakeWritable(address);

    /// <inheritdoc/>
    public void PageFlushed(ulong address) => kernel.MemoryProtection.Follow(address);

    /// <inheritdoc/>
    public void UserMemoryOpened(ulong instruction) => kernel.Context.MightFault(instruction);

    /// <inheritdoc/>
    public bool IsExecutable(ulong address) => kernel.MemoryProtection.IsExecutable(address);

    /// <inheritdoc/>
    public uint In(ushort port, int size) => kernel.Board.In(port, size);

    /// <inheritdoc/>
    public void Out(ushort port, int size, uint value) => kernel.Board.Out(port, size, value);

    /// <inheritdoc/>
    public bool TryReadMsr(uint msr, out ulong value)
    {
        if (msr == MsrTsc)
        {
            value = TimestampCounter;
            return true;
        }

        return _msrs.TryGetValue(msr, out value);
    }

    /// <inheritdoc/>
    public bool TryWriteMsr(uint msr, ulong value)
    {
        if (!_msrs.ContainsKey(msr))
            return false;
        _msrs[msr] = value;
        return true;
    }

    /// <inheritdoc/>
    public void DebugRegisterWritten(int register, ulong value) => kernel.DebugRegisters.Written(register);

    private static CpuidResult NamePart(int index)
    {
        const int part = 16;
        Span<uint> registers = stackalloc uint[part / sizeof(uint)];
        var name = CpuFeatures.Name;
        var bytes = MemoryMarshal.AsBytes(registers);
        bytes.Clear();
        if (index * part < name.Length)
            name[(index * part)..Math.Min(name.Length, (index + 1) * part)].CopyTo(bytes);
        return new CpuidResult(registers[0], registers[1], registers[2], registers[3]);
    }

    /// <inheritdoc/>
    public CpuidResult Cpuid(uint leaf, uint subleaf) => leaf switch
    {
        0 => new CpuidResult(7, 0x68747541, 0x444d4163, 0x69746e65), // AuthenticAMD
        1 => new CpuidResult(CpuFeatures.Signature, 0x00010800, CpuFeatures.Leaf1Ecx, CpuFeatures.Leaf1Edx),
        6 => new CpuidResult(CpuFeatures.Leaf6Eax, 0, 0, 0),
        7 when subleaf == 0 => new CpuidResult(0, CpuFeatures.Leaf7Ebx, 0, 0),
        0x80000000 => new CpuidResult(0x80000008, 0, 0, 0),
        0x80000001 => new CpuidResult(0, 0, 1, CpuFeatures.Leaf80000001Edx),
        >= 0x80000002 and <= 0x80000004 => NamePart((int)(leaf - 0x80000002)),
        0x80000008 => new CpuidResult(0x3022, 0, 0, 0), // 34 physical and 48 virtual address bits
        _ => default,
    };
}

/// <summary>
/// What CPUID shows, and boot_cpu_data with it: the processor that QEMU gives a guest by default (qemu64), so that drivers which look for
/// a model decide as they do there.
/// </summary>
internal static class CpuFeatures
{
    /// <summary>The processor's name, of at most 48 bytes.</summary>
    public static ReadOnlySpan<byte> Name => "lkm user-mode processor"u8;

    /// <summary>X86_VENDOR_AMD.</summary>
    public const byte LinuxVendor = 2;

    /// <summary>The family, the sum of its two fields.</summary>
    public const byte Family = 15;

    /// <summary>The model, both fields joined.</summary>
    public const byte Model = 107;

    /// <summary>The stepping.</summary>
    public const byte Stepping = 1;

    /// <summary>Leaf 1, EAX: stepping, model and family in their fields.</summary>
    public const uint Signature = Stepping | ((Model & 15u) << 4) | (15u << 8) | ((Model >> 4) << 16) | ((Family - 15u) << 20);

    /// <summary>Leaf 1, EDX: FPU, TSC, MSR, PAE, CX8, APIC, SEP, PGE, CMOV, PAT, CLFLUSH, MMX, FXSR, SSE, SSE2. Code for MMX alone is in 32-bit kernels only; what wants SSE2 may ask for it too.</summary>
    public const uint Leaf1Edx = (1 << 0) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 8) | (1 << 9) | (1 << 11) | (1 << 13) | (1 << 15) | (1 << 16) | (1 << 19)
        | (1 << 23) | (1 << 24) | (1 << 25) | (1 << 26);

    /// <summary>Leaf 1, ECX: CX16, and HYPERVISOR, which tells drivers of a real machine's parts (EDAC) that this is none.</summary>
    public const uint Leaf1Ecx = (1 << 13) | (1U << 31);

    /// <summary>Leaf 6, EAX: ARAT, as the timer of the local APIC never stops.</summary>
    public const uint Leaf6Eax = 1 << 2;

    /// <summary>
    /// Leaf 7, EBX: ERMS, so that copies are one REP MOVSB, which the machine does at the host's speed; SMAP, which qemu64 lacks, so that kernel code says
    /// when it means to reach the memory of users.
    /// </summary>
    public const uint Leaf7Ebx = (1 << 9) | (1 << 20);

    /// <summary>Leaf 80000001, EDX: SYSCALL, NX, long mode.</summary>
    public const uint Leaf80000001Edx = (1 << 11) | (1 << 20) | (1 << 29);

    /// <summary>
    /// Linux's own words of x86_capability beside the CPUID ones: word 3, CONSTANT_TSC, REP_GOOD, NOPL, ALWAYS, TSC_RELIABLE, NONSTOP_TSC, TSC_KNOWN_FREQ.
    /// </summary>
    public const uint LinuxWord3 = (1 << 8) | (1 << 16) | (1 << 20) | (1 << 21) | (1 << 23) | (1 << 24) | (1U << 31);
}
