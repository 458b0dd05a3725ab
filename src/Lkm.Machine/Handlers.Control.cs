using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lkm.Machine;

// Control and debug registers, descriptor tables, segment registers; the state of SSE and x87 as far as system code saves it.
internal static unsafe partial class Handlers
{
    private const ulong TaskSwitched = 8; // CR0.TS

    /// <summary>The reserved bits of a debug register that always read as ones (Intel SDM volume 3, 17.2).</summary>
    internal static ulong AlwaysSet(int register) => register switch { 6 => 0xFFFF0FF0, 7 => 0x400, _ => 0 };

    private static Step ControlStep(SystemOperation operation, Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        switch (operation)
        {
            case SystemOperation.ReadControl:
                if (o->Info.Extra is not (0 or 2 or 3 or 4 or 8))
                    return Step.Protection;
                c->Gpr[o->D] = Control(c, o->Info.Extra);
                return Step.Next;
            case SystemOperation.WriteControl:
                if (o->Info.Extra is not (0 or 2 or 3 or 4 or 8))
                    return Step.Protection;
                Control(c, o->Info.Extra) = c->Gpr[o->S];
                c->Cpu.Mmu.Flush();
                return Step.Next;
            case SystemOperation.ReadDebug:
                c->Gpr[o->D] = c->Debug[o->Info.Extra];
                return Step.Next;
            case SystemOperation.WriteDebug:
                c->Debug[o->Info.Extra] = c->Gpr[o->S] | AlwaysSet(o->Info.Extra);
                Charged(o, c).Environment.DebugRegisterWritten(o->Info.Extra, c->Debug[o->Info.Extra]);
                Uncharge(o, c);
                return Step.Next;
            case SystemOperation.ClearTaskSwitched:
                c->Cr0 &= ~TaskSwitched;
                return Step.Next;
            case SystemOperation.StoreTable: // Extra: 0 GDTR, 2 IDTR
            case SystemOperation.LoadTable:
                {
                    var store = operation == SystemOperation.StoreTable;
                    var p = Access(c, Address(o, c), 10, store, m, sh);
                    if (p == null)
                        return Step.Fault;
                    if (store)
                    {
                        Unsafe.WriteUnaligned(p, (ushort)c->Tables[o->Info.Extra + 1]);
                        Unsafe.WriteUnaligned(p + 2, c->Tables[o->Info.Extra]);
                        Commit(c);
                    }
                    else
                    {
                        c->Tables[o->Info.Extra + 1] = Unsafe.ReadUnaligned<ushort>(p);
                        c->Tables[o->Info.Extra] = Unsafe.ReadUnaligned<ulong>(p + 2);
                    }
                    return Step.Next;
                }
            case SystemOperation.StoreSelector: // Extra: 4 LDTR, 5 TR
                return StoreWord(o, c, c->Tables[o->Info.Extra], m, sh);
            case SystemOperation.LoadSelector:
                {
                    if (!Destination(o, c, m, sh, 2, false, out _, out var value))
                        return Step.Fault;
                    c->Tables[o->Info.Extra] = value;
                    return Step.Next;
                }
            case SystemOperation.StoreMachineStatus:
                return StoreWord(o, c, c->Cr0, m, sh);
            case SystemOperation.LoadMachineStatus:
                {
                    if (!Destination(o, c, m, sh, 2, false, out _, out var value))
                        return Step.Fault;
                    c->Cr0 = (c->Cr0 & ~0xEUL) | (value & 0xF); // PE cannot be cleared
                    return Step.Next;
                }
            case SystemOperation.MoveFromSegment:
                return StoreWord(o, c, c->Segments[o->Info.Extra], m, sh);
            case SystemOperation.MoveToSegment:
                {
                    // The selector is kept; the bases are what the model-specific registers say.
                    if (!Source(o, c, m, sh, 2, out var value))
                        return Step.Fault;
                    c->Segments[o->Info.Extra] = (ushort)value;
                    return Step.Next;
                }
            default:
                return Push(c, c->Segments[o->Info.Extra], o->Info.Size, m, sh) ? Step.Next : Step.Fault;
        }
    }

    // To memory always 16 bits, to a register as wide as the operand.
    private static Step StoreWord(Op* o, CpuRecord* c, ulong value, byte* m, byte* sh)
    {
        if (!Is(o, OpFlags.MemoryDestination))
        {
            SetRegister(c, o->D, o->Info.Size, false, value);
            return Step.Next;
        }
        if (!Destination(o, c, m, sh, 2, true, out var p, out _))
            return Step.Fault;
        Put(p, 2, value);
        Commit(c);
        return Step.Next;
    }

    private static ref ulong Control(CpuRecord* c, int number)
    {
        switch (number)
        {
            case 0: return ref c->Cr0;
            case 2: return ref c->Cr2;
            case 3: return ref c->Cr3;
            case 4: return ref c->Cr4;
            default: return ref c->Cr8;
        }
    }

    private static Step FpuStep(SystemOperation operation, Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (operation == SystemOperation.FpuInitialise)
        {
            c->FpuControl = 0x37F;
            c->FpuStatus = 0;
            return Step.Next;
        }
        var (size, write) = operation switch
        {
            SystemOperation.LoadMxcsr => (4, false),
            SystemOperation.StoreMxcsr => (4, true),
            SystemOperation.FpuLoadControl => (2, false),
            SystemOperation.Fxsave => (512, true),
            SystemOperation.Fxrstor => (512, false),
            _ => (2, true),
        };
        if (operation == SystemOperation.FpuStoreStatus && !Is(o, OpFlags.MemoryDestination))
        {
            SetRegister(c, o->D, 2, false, c->FpuStatus);
            return Step.Next;
        }
        var address = Address(o, c);
        if (size == 512 && ((address & 15) != 0 || address < GuestMemory.WindowStart))
            return Step.Protection;
        var p = Access(c, address, size, write, m, sh);
        if (p == null)
            return Step.Fault;
        switch (operation)
        {
            case SystemOperation.LoadMxcsr:
                {
                    var value = Unsafe.ReadUnaligned<uint>(p);
                    if (value > 0xFFFF)
                        return Step.Protection;
                    c->Mxcsr = value;
                    break;
                }
            case SystemOperation.StoreMxcsr:
                Unsafe.WriteUnaligned(p, c->Mxcsr);
                break;
            case SystemOperation.FpuLoadControl:
                c->FpuControl = (ushort)((Unsafe.ReadUnaligned<ushort>(p) & 0x1F7F) | 0x40);
                break;
            case SystemOperation.FpuStoreControl:
                Unsafe.WriteUnaligned(p, c->FpuControl);
                break;
            case SystemOperation.FpuStoreStatus:
                Unsafe.WriteUnaligned(p, c->FpuStatus);
                break;
            case SystemOperation.Fxsave:
                new Span<byte>(p, 416).Clear();
                Unsafe.WriteUnaligned(p, c->FpuControl);
                Unsafe.WriteUnaligned(p + 2, c->FpuStatus);
                Unsafe.WriteUnaligned(p + 24, c->Mxcsr);
                Unsafe.WriteUnaligned(p + 28, 0xFFFFu);
                ((Span<Vector128<byte>>)c->Xmm).CopyTo(new Span<Vector128<byte>>(p + 160, 16));
                break;
            default:
                c->FpuControl = Unsafe.ReadUnaligned<ushort>(p);
                c->FpuStatus = Unsafe.ReadUnaligned<ushort>(p + 2);
                c->Mxcsr = Unsafe.ReadUnaligned<uint>(p + 24) & 0xFFFF;
                new Span<Vector128<byte>>(p + 160, 16).CopyTo(c->Xmm);
                break;
        }
        Commit(c);
        return Step.Next;
    }
}
