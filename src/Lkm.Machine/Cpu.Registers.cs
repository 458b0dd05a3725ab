using System.Runtime.CompilerServices;

namespace Lkm.Machine;

public sealed unsafe partial class Cpu
{
    /// <summary>A general register by its number: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.</summary>
    public ulong this[int register]
    {
        get => _c->Gpr[register & 15];
        set => _c->Gpr[register & 15] = value;
    }

    /// <summary>RAX.</summary>
    public ulong Rax { get => _c->Gpr[0]; set => _c->Gpr[0] = value; }

    /// <summary>RCX.</summary>
    public ulong Rcx { get => _c->Gpr[1]; set => _c->Gpr[1] = value; }

    /// <summary>RDX.</summary>
    public ulong Rdx { get => _c->Gpr[2]; set => _c->Gpr[2] = value; }

    /// <summary>RBX.</summary>
    public ulong Rbx { get => _c->Gpr[3]; set => _c->Gpr[3] = value; }

    /// <summary>RSP.</summary>
    public ulong Rsp { get => _c->Gpr[4]; set => _c->Gpr[4] = value; }

    /// <summary>RBP.</summary>
    public ulong Rbp { get => _c->Gpr[5]; set => _c->Gpr[5] = value; }

    /// <summary>RSI.</summary>
    public ulong Rsi { get => _c->Gpr[6]; set => _c->Gpr[6] = value; }

    /// <summary>RDI.</summary>
    public ulong Rdi { get => _c->Gpr[7]; set => _c->Gpr[7] = value; }

    /// <summary>R8.</summary>
    public ulong R8 { get => _c->Gpr[8]; set => _c->Gpr[8] = value; }

    /// <summary>R9.</summary>
    public ulong R9 { get => _c->Gpr[9]; set => _c->Gpr[9] = value; }

    /// <summary>R10.</summary>
    public ulong R10 { get => _c->Gpr[10]; set => _c->Gpr[10] = value; }

    /// <summary>R11.</summary>
    public ulong R11 { get => _c->Gpr[11]; set => _c->Gpr[11] = value; }

    /// <summary>R12.</summary>
    public ulong R12 { get => _c->Gpr[12]; set => _c->Gpr[12] = value; }

    /// <summary>R13.</summary>
    public ulong R13 { get => _c->Gpr[13]; set => _c->Gpr[13] = value; }

    /// <summary>R14.</summary>
    public ulong R14 { get => _c->Gpr[14]; set => _c->Gpr[14] = value; }

    /// <summary>R15.</summary>
    public ulong R15 { get => _c->Gpr[15]; set => _c->Gpr[15] = value; }

    /// <summary>The address of the next instruction.</summary>
    public ulong Rip { get => _c->Rip; set => _c->Rip = value; }

    /// <summary>All flags.</summary>
    public ulong Rflags
    {
        get => Flags.All(_c);
        set
        {
            Flags.SetLiteral(_c, value);
            _c->SystemFlags = value & (Flags.Writable | Flags.Resume);
        }
    }

    /// <summary>Whether interrupts are enabled.</summary>
    public bool InterruptFlag
    {
        get => (_c->SystemFlags & Flags.Interrupt) != 0;
        set => _c->SystemFlags = value ? _c->SystemFlags | Flags.Interrupt : _c->SystemFlags & ~Flags.Interrupt;
    }

    /// <summary>AC, which the kernel sets where it means to reach the memory of users (SMAP).</summary>
    public bool AlignmentCheckFlag
    {
        get => (_c->SystemFlags & Flags.AlignmentCheck) != 0;
        set => _c->SystemFlags = value ? _c->SystemFlags | Flags.AlignmentCheck : _c->SystemFlags & ~Flags.AlignmentCheck;
    }

    /// <summary>Whether each instruction is followed by #DB.</summary>
    public bool TrapFlag
    {
        get => (_c->SystemFlags & Flags.Trap) != 0;
        set => _c->SystemFlags = value ? _c->SystemFlags | Flags.Trap : _c->SystemFlags & ~Flags.Trap;
    }

    /// <summary>The base of FS.</summary>
    public ulong FsBase { get => _c->Gpr[CpuRecord.Fs]; set => _c->Gpr[CpuRecord.Fs] = value; }

    /// <summary>The base of GS.</summary>
    public ulong GsBase { get => _c->Gpr[CpuRecord.Gs]; set => _c->Gpr[CpuRecord.Gs] = value; }

    /// <summary>What SWAPGS exchanges with the base of GS.</summary>
    public ulong KernelGsBase { get => _c->KernelGsBase; set => _c->KernelGsBase = value; }

    /// <summary>CR0.</summary>
    public ulong Cr0 { get => _c->Cr0; set => _c->Cr0 = value; }

    /// <summary>CR2, the address of the last page fault.</summary>
    public ulong Cr2 { get => _c->Cr2; set => _c->Cr2 = value; }

    /// <summary>CR3, the root of the page tables of the user half. Setting it forgets translations.</summary>
    public ulong Cr3
    {
        get => _c->Cr3;
        set
        {
            _c->Cr3 = value;
            Mmu.Flush();
        }
    }

    /// <summary>CR4.</summary>
    public ulong Cr4 { get => _c->Cr4; set => _c->Cr4 = value; }

    /// <summary>The current privilege level: 0 is the kernel.</summary>
    public int Privilege { get => _c->Privilege; set => _c->Privilege = value; }

    /// <summary>Reads an SSE register.</summary>
    public UInt128 GetXmm(int register) => Unsafe.BitCast<System.Runtime.Intrinsics.Vector128<byte>, UInt128>(_c->Xmm[register & 15]);

    /// <summary>Writes an SSE register.</summary>
    public void SetXmm(int register, UInt128 value) =>
        _c->Xmm[register & 15] = Unsafe.BitCast<UInt128, System.Runtime.Intrinsics.Vector128<byte>>(value);

    /// <summary>Copies the whole state out.</summary>
    public CpuState Save()
    {
        var xmm = new UInt128[16];
        for (var i = 0; i < xmm.Length; i++)
            xmm[i] = GetXmm(i);
        return new CpuState
        {
            Gpr = new Span<ulong>(_c->Gpr, 16).ToArray(),
            Rip = Rip,
            Rflags = Rflags,
            FsBase = FsBase,
            GsBase = GsBase,
            KernelGsBase = KernelGsBase,
            Control = [_c->Cr0, _c->Cr2, _c->Cr3, _c->Cr4, _c->Cr8, _c->Efer],
            Debug = new Span<ulong>(_c->Debug, 8).ToArray(),
            Tables = new Span<ulong>(_c->Tables, 8).ToArray(),
            Segments = new Span<ushort>(_c->Segments, 6).ToArray(),
            Xmm = xmm,
            Mxcsr = _c->Mxcsr,
            FpuControl = _c->FpuControl,
            Privilege = _c->Privilege,
            Instructions = Instructions,
        };
    }

    /// <summary>Takes over a state that <see cref="Save"/> made.</summary>
    public void Restore(CpuState state)
    {
        state.Gpr.CopyTo(new Span<ulong>(_c->Gpr, 16));
        Rip = state.Rip;
        Rflags = state.Rflags;
        FsBase = state.FsBase;
        GsBase = state.GsBase;
        KernelGsBase = state.KernelGsBase;
        (_c->Cr0, _c->Cr2, _c->Cr3) = (state.Control[0], state.Control[1], state.Control[2]);
        (_c->Cr4, _c->Cr8, _c->Efer) = (state.Control[3], state.Control[4], state.Control[5]);
        state.Debug.CopyTo(new Span<ulong>(_c->Debug, 8));
        state.Tables.CopyTo(new Span<ulong>(_c->Tables, 8));
        state.Segments.CopyTo(new Span<ushort>(_c->Segments, 6));
        for (var i = 0; i < 16; i++)
            SetXmm(i, state.Xmm[i]);
        _c->Mxcsr = state.Mxcsr;
        _c->FpuControl = state.FpuControl;
        _c->Privilege = state.Privilege;
        _clockEnd = state.Instructions + _c->Budget;
        CpuRecord.ForgetReturns(_c);
        Mmu.Flush();
    }
}
