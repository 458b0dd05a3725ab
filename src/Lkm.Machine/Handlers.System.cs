using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>Operations of <see cref="Handlers.SystemOf"/>.</summary>
internal enum SystemOperation : byte
{
    Cli, Sti, Clac, Stac, Cld, Std, Clc, Stc, Cmc, Lahf, Sahf, Sign2, Sign4, Sign8, Double2, Double4, Double8,
    Halt, Cpuid, Rdtsc, Rdtscp, Rdmsr, Wrmsr, Rdpmc, Swapgs, FlushAll, FlushPage,
    ReadControl, WriteControl, ReadDebug, WriteDebug, ClearTaskSwitched,
    StoreTable, LoadTable, StoreSelector, LoadSelector, StoreMachineStatus, LoadMachineStatus,
    MoveFromSegment, MoveToSegment, PushSegment, In, Out, Breakpoint, Interrupt, InterruptReturn, SystemCall,
    ReadBase, WriteBase, Xlat, Cmpxchg8, Cmpxchg16, Protected,
    LoadMxcsr, StoreMxcsr, FpuInitialise, FpuStoreControl, FpuLoadControl, FpuStoreStatus, Fxsave, Fxrstor,
}

// Instructions that system code uses. Few are hot, so they share a handler.
internal static unsafe partial class Handlers
{
    internal static Handler SystemOf => &SystemOp;

    // The environment may ask how many instructions have run: charge those before this one for as long as it looks.
    private static Cpu Charged(Op* o, CpuRecord* c)
    {
        c->Budget -= o->Index;
        return c->Cpu;
    }

    private static void Uncharge(Op* o, CpuRecord* c) => c->Budget += o->Index;

    private static nint SystemOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        switch (SystemStep(o, c, m, sh))
        {
            case Step.Next:
                o++;
                return ((Handler)o->Handler)(o, c, m, sh);
            case Step.Fault:
                return Abandon(o, c);
            case Step.Protection:
                return Raise(o, c, CpuVector.GeneralProtection, 0);
            case Step.Reconsider:
                return Reconsider(o, c);
            case Step.Transferred:
                c->Budget -= o->Index + 1;
                return c->Budget <= 0 ? Edge : Continue;
            default:
                return Complete(o, c);
        }
    }

    /// <summary>How the chain goes on after a system instruction.</summary>
    private enum Step
    {
        Next, Fault, Protection, Reconsider, Transferred, Complete,
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Step SystemStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        ref var rax = ref c->Gpr[CpuRecord.Rax];
        ref var rdx = ref c->Gpr[CpuRecord.Rdx];
        var operation = (SystemOperation)o->Info.Select;
        if (c->Privilege != 0 && IsPrivileged(operation))
            return Step.Protection;
        switch (operation)
        {
            case SystemOperation.Cli:
                c->SystemFlags &= ~Flags.Interrupt;
                return Step.Next;
            case SystemOperation.Sti:
                c->SystemFlags |= Flags.Interrupt;
                return Step.Next;
            case SystemOperation.Clac:
                c->SystemFlags &= ~Flags.AlignmentCheck;
                return Step.Next;
            case SystemOperation.Stac:
                c->SystemFlags |= Flags.AlignmentCheck;
                c->Cpu.Environment.UserMemoryOpened(o->Rip);
                return Step.Next;
            case SystemOperation.Cld:
                c->SystemFlags &= ~Flags.Direction;
                return Step.Next;
            case SystemOperation.Std:
                c->SystemFlags |= Flags.Direction;
                return Step.Next;
            case SystemOperation.Clc:
                Flags.SetCarry(c, false);
                return Step.Next;
            case SystemOperation.Stc:
                Flags.SetCarry(c, true);
                return Step.Next;
            case SystemOperation.Cmc:
                Flags.SetCarry(c, (Flags.Evaluate(c) & Flags.Carry) == 0);
                return Step.Next;
            case SystemOperation.Lahf:
                SetRegister(c, CpuRecord.Rax, 1, true, (Flags.Evaluate(c) & 0xFF) | Flags.Fixed);
                return Step.Next;
            case SystemOperation.Sahf:
                Flags.Replace(c, Flags.Arithmetic & 0xFF, rax >> 8);
                return Step.Next;
            case SystemOperation.Sign2:
                SetRegister(c, CpuRecord.Rax, 2, false, (ulong)(sbyte)rax);
                return Step.Next;
            case SystemOperation.Sign4:
                SetRegister(c, CpuRecord.Rax, 4, false, (ulong)(short)rax);
                return Step.Next;
            case SystemOperation.Sign8:
                rax = (ulong)(int)rax;
                return Step.Next;
            case SystemOperation.Double2:
                SetRegister(c, CpuRecord.Rdx, 2, false, (ulong)((short)rax >> 15));
                return Step.Next;
            case SystemOperation.Double4:
                rdx = (uint)((int)rax >> 31);
                return Step.Next;
            case SystemOperation.Double8:
                rdx = (ulong)((long)rax >> 63);
                return Step.Next;
            case SystemOperation.Xlat:
                {
                    var p = Access(c, c->Gpr[CpuRecord.Rbx] + (byte)rax + c->Gpr[o->B], 1, false, m, sh);
                    if (p == null)
                        return Step.Fault;
                    SetRegister(c, CpuRecord.Rax, 1, false, *p);
                    return Step.Next;
                }
            case SystemOperation.Halt:
                SetExit(c, CpuExitKind.Halt, 0, 0, o->Rip);
                return Step.Complete;
            case SystemOperation.Breakpoint:
                SetExit(c, CpuExitKind.Exception, CpuVector.Breakpoint, 0, o->Rip);
                return Step.Complete;
            case SystemOperation.Interrupt:
                SetExit(c, CpuExitKind.Exception, (int)o->Imm, 0, o->Rip);
                c->ExitSoftware = 1;
                return Step.Complete;
            case SystemOperation.SystemCall:
                SetExit(c, CpuExitKind.SystemCall, 0, 0, o->Rip);
                return Step.Fault;
            case SystemOperation.InterruptReturn:
                return InterruptReturn(o, c, m, sh);
            case SystemOperation.Cpuid:
                {
                    var (eax, ebx, ecx, edx) = Charged(o, c).Environment.Cpuid((uint)rax, (uint)c->Gpr[CpuRecord.Rcx]);
                    Uncharge(o, c);
                    (rax, c->Gpr[CpuRecord.Rbx], c->Gpr[CpuRecord.Rcx], rdx) = (eax, ebx, ecx, edx);
                    return Step.Next;
                }
            case SystemOperation.Rdtsc:
            case SystemOperation.Rdtscp:
                {
                    var now = Charged(o, c).Environment.TimestampCounter;
                    Uncharge(o, c);
                    if (operation == SystemOperation.Rdtscp)
                    {
                        c->Cpu.Environment.TryReadMsr(0xC000_0103, out var auxiliary); // IA32_TSC_AUX
                        c->Gpr[CpuRecord.Rcx] = (uint)auxiliary;
                    }
                    (rax, rdx) = ((uint)now, now >> 32);
                    return Step.Next;
                }
            case SystemOperation.Rdmsr:
                {
                    if (!ReadMsr(o, c, (uint)c->Gpr[CpuRecord.Rcx], out var value))
                        return Step.Protection;
                    (rax, rdx) = ((uint)value, value >> 32);
                    return Step.Next;
                }
            case SystemOperation.Wrmsr:
                return WriteMsr(o, c, (uint)c->Gpr[CpuRecord.Rcx], (uint)rax | (rdx << 32)) ? Step.Next : Step.Protection;
            case SystemOperation.Swapgs:
                (c->Gpr[CpuRecord.Gs], c->KernelGsBase) = (c->KernelGsBase, c->Gpr[CpuRecord.Gs]);
                return Step.Next;
            case SystemOperation.ReadBase:
                SetRegister(c, o->D, o->Info.Size, false, c->Gpr[o->Info.Extra]);
                return Step.Next;
            case SystemOperation.WriteBase:
                {
                    var value = GetRegister(c, o->D, o->Info.Size, false);
                    if (!Mmu.IsCanonical(value))
                        return Step.Protection;
                    c->Gpr[o->Info.Extra] = value;
                    return Step.Next;
                }
            case SystemOperation.FlushAll:
                return Step.Next;
            case SystemOperation.FlushPage:
                var page = Address(o, c);
                c->Cpu.Mmu.Flush(page);
                if (page >= GuestMemory.WindowStart)
                    c->Cpu.Environment.PageFlushed(page);
                return Step.Next;
            case SystemOperation.In:
                {
                    var value = Charged(o, c).Environment.In((ushort)(Is(o, OpFlags.Immediate) ? o->Imm : rdx), o->Info.Size);
                    Uncharge(o, c);
                    SetRegister(c, CpuRecord.Rax, o->Info.Size, false, value);
                    return Step.Next;
                }
            case SystemOperation.Out:
                {
                    var value = (uint)GetRegister(c, CpuRecord.Rax, o->Info.Size, false);
                    Charged(o, c).Environment.Out((ushort)(Is(o, OpFlags.Immediate) ? o->Imm : rdx), o->Info.Size, value);
                    Uncharge(o, c);
                    return Step.Next;
                }
            case SystemOperation.Cmpxchg8:
                return CompareExchangePair(o, c, 4, m, sh);
            case SystemOperation.Cmpxchg16:
                return CompareExchangePair(o, c, 8, m, sh);
            case SystemOperation.ReadControl:
            case SystemOperation.WriteControl:
            case SystemOperation.ReadDebug:
            case SystemOperation.WriteDebug:
            case SystemOperation.ClearTaskSwitched:
            case SystemOperation.StoreTable:
            case SystemOperation.LoadTable:
            case SystemOperation.StoreSelector:
            case SystemOperation.LoadSelector:
            case SystemOperation.StoreMachineStatus:
            case SystemOperation.LoadMachineStatus:
            case SystemOperation.MoveFromSegment:
            case SystemOperation.MoveToSegment:
            case SystemOperation.PushSegment:
                return ControlStep(operation, o, c, m, sh);
            case SystemOperation.LoadMxcsr:
            case SystemOperation.StoreMxcsr:
            case SystemOperation.FpuInitialise:
            case SystemOperation.FpuStoreControl:
            case SystemOperation.FpuLoadControl:
            case SystemOperation.FpuStoreStatus:
            case SystemOperation.Fxsave:
            case SystemOperation.Fxrstor:
                return FpuStep(operation, o, c, m, sh);
            default: // RDPMC: no counters
                return Step.Protection;
        }
    }

    private static bool IsPrivileged(SystemOperation operation) => operation is SystemOperation.Cli or SystemOperation.Sti
        or SystemOperation.Halt or SystemOperation.Rdmsr or SystemOperation.Wrmsr or SystemOperation.Rdpmc or SystemOperation.Swapgs
        or SystemOperation.FlushAll or SystemOperation.FlushPage or SystemOperation.ReadControl or SystemOperation.WriteControl
        or SystemOperation.ReadDebug or SystemOperation.WriteDebug or SystemOperation.ClearTaskSwitched
        or SystemOperation.LoadTable or SystemOperation.LoadSelector or SystemOperation.LoadMachineStatus
        or SystemOperation.In or SystemOperation.Out;

    private static bool ReadMsr(Op* o, CpuRecord* c, uint msr, out ulong value)
    {
        switch (msr)
        {
            case 0xC000_0100: value = c->Gpr[CpuRecord.Fs]; return true;
            case 0xC000_0101: value = c->Gpr[CpuRecord.Gs]; return true;
            case 0xC000_0102: value = c->KernelGsBase; return true;
        }
        var known = Charged(o, c).Environment.TryReadMsr(msr, out value);
        Uncharge(o, c);
        return known;
    }

    private static bool WriteMsr(Op* o, CpuRecord* c, uint msr, ulong value)
    {
        switch (msr)
        {
            case 0xC000_0100 when Mmu.IsCanonical(value): c->Gpr[CpuRecord.Fs] = value; return true;
            case 0xC000_0101 when Mmu.IsCanonical(value): c->Gpr[CpuRecord.Gs] = value; return true;
            case 0xC000_0102 when Mmu.IsCanonical(value): c->KernelGsBase = value; return true;
            case 0xC000_0100 or 0xC000_0101 or 0xC000_0102: return false;
        }
        var known = Charged(o, c).Environment.TryWriteMsr(msr, value);
        Uncharge(o, c);
        return known;
    }

    // IRETQ: RIP, CS, RFLAGS, RSP, SS. A frame of another privilege level switches to it.
    private static Step InterruptReturn(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var p = Access(c, c->Gpr[CpuRecord.Rsp], 40, false, m, sh);
        if (p == null)
            return Step.Fault;
        var frame = new ReadOnlySpan<ulong>(p, 5);
        var (rip, selector, flags, stack, stackSelector) = (frame[0], (ushort)frame[1], frame[2], frame[3], (ushort)frame[4]);
        if (!Mmu.IsCanonical(rip) || (selector & 3) < c->Privilege)
            return Step.Protection;
        c->Rip = rip;
        c->Segments[1] = selector;
        c->Segments[2] = stackSelector;
        c->Gpr[CpuRecord.Rsp] = stack;
        var allowed = (c->Privilege == 0 ? Flags.Writable : Flags.Writable & ~(Flags.IoPrivilege | Flags.Interrupt)) | Flags.Resume;
        Flags.SetLiteral(c, flags);
        c->SystemFlags = (c->SystemFlags & ~allowed) | (flags & allowed);
        c->Privilege = selector & 3;
        return Step.Transferred;
    }

    private static Step CompareExchangePair(Op* o, CpuRecord* c, int half, byte* m, byte* sh)
    {
        var address = Address(o, c);
        if (half == 8 && (address & 15) != 0)
            return Step.Protection;
        var p = Access(c, address, 2 * half, true, m, sh);
        if (p == null)
            return Step.Fault;
        var (low, high) = (Get(p, half), Get(p + half, half));
        var equal = low == GetRegister(c, CpuRecord.Rax, half, false) && high == GetRegister(c, CpuRecord.Rdx, half, false);
        if (equal)
        {
            Put(p, half, c->Gpr[CpuRecord.Rbx]);
            Put(p + half, half, c->Gpr[CpuRecord.Rcx]);
        }
        else
        {
            SetRegister(c, CpuRecord.Rax, half, false, low);
            SetRegister(c, CpuRecord.Rdx, half, false, high);
        }
        Commit(c);
        Flags.Replace(c, Flags.Zero, equal ? Flags.Zero : 0);
        return Step.Next;
    }
}
