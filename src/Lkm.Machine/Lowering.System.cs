using Iced.Intel;

namespace Lkm.Machine;

internal sealed unsafe partial class Lowering
{
    private static Flow LowerSystem(in Instruction i, Op* o)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Cli: return SystemOf(i, o, SystemOperation.Cli);
            case Mnemonic.Sti: return SystemOf(i, o, SystemOperation.Sti);
            case Mnemonic.Cld: return SystemOf(i, o, SystemOperation.Cld);
            case Mnemonic.Std: return SystemOf(i, o, SystemOperation.Std);
            case Mnemonic.Clac: return SystemOf(i, o, SystemOperation.Clac);
            case Mnemonic.Stac: return SystemOf(i, o, SystemOperation.Stac);
            case Mnemonic.Clc: return SystemOf(i, o, SystemOperation.Clc);
            case Mnemonic.Stc: return SystemOf(i, o, SystemOperation.Stc);
            case Mnemonic.Cmc: return SystemOf(i, o, SystemOperation.Cmc);
            case Mnemonic.Lahf: return SystemOf(i, o, SystemOperation.Lahf);
            case Mnemonic.Sahf: return SystemOf(i, o, SystemOperation.Sahf);
            case Mnemonic.Cbw: return SystemOf(i, o, SystemOperation.Sign2);
            case Mnemonic.Cwde: return SystemOf(i, o, SystemOperation.Sign4);
            case Mnemonic.Cdqe: return SystemOf(i, o, SystemOperation.Sign8);
            case Mnemonic.Cwd: return SystemOf(i, o, SystemOperation.Double2);
            case Mnemonic.Cdq: return SystemOf(i, o, SystemOperation.Double4);
            case Mnemonic.Cqo: return SystemOf(i, o, SystemOperation.Double8);
            case Mnemonic.Hlt: return EndsWith(SystemOf(i, o, SystemOperation.Halt));
            case Mnemonic.Cpuid: return SystemOf(i, o, SystemOperation.Cpuid);
            case Mnemonic.Rdtsc: return SystemOf(i, o, SystemOperation.Rdtsc);
            case Mnemonic.Rdtscp: return SystemOf(i, o, SystemOperation.Rdtscp);
            case Mnemonic.Rdmsr: return SystemOf(i, o, SystemOperation.Rdmsr);
            case Mnemonic.Wrmsr: return SystemOf(i, o, SystemOperation.Wrmsr);
            case Mnemonic.Rdpmc: return SystemOf(i, o, SystemOperation.Rdpmc);
            case Mnemonic.Swapgs: return SystemOf(i, o, SystemOperation.Swapgs);
            case Mnemonic.Rdfsbase: return SystemOf(i, o, SystemOperation.ReadBase, CpuRecord.Fs);
            case Mnemonic.Rdgsbase: return SystemOf(i, o, SystemOperation.ReadBase, CpuRecord.Gs);
            case Mnemonic.Wrfsbase: return SystemOf(i, o, SystemOperation.WriteBase, CpuRecord.Fs);
            case Mnemonic.Wrgsbase: return SystemOf(i, o, SystemOperation.WriteBase, CpuRecord.Gs);
            case Mnemonic.Wbinvd or Mnemonic.Wbnoinvd or Mnemonic.Invd:
                return SystemOf(i, o, SystemOperation.FlushAll);
            case Mnemonic.Invlpg: return SystemOf(i, o, SystemOperation.FlushPage);
            case Mnemonic.Clts: return SystemOf(i, o, SystemOperation.ClearTaskSwitched);
            case Mnemonic.Sgdt: return SystemOf(i, o, SystemOperation.StoreTable, 0);
            case Mnemonic.Sidt: return SystemOf(i, o, SystemOperation.StoreTable, 2);
            case Mnemonic.Lgdt: return SystemOf(i, o, SystemOperation.LoadTable, 0);
            case Mnemonic.Lidt: return SystemOf(i, o, SystemOperation.LoadTable, 2);
            case Mnemonic.Sldt: return SystemOf(i, o, SystemOperation.StoreSelector, 4);
            case Mnemonic.Str: return SystemOf(i, o, SystemOperation.StoreSelector, 5);
            case Mnemonic.Lldt: return SystemOf(i, o, SystemOperation.LoadSelector, 4);
            case Mnemonic.Ltr: return SystemOf(i, o, SystemOperation.LoadSelector, 5);
            case Mnemonic.Smsw: return SystemOf(i, o, SystemOperation.StoreMachineStatus);
            case Mnemonic.Lmsw: return SystemOf(i, o, SystemOperation.LoadMachineStatus);
            case Mnemonic.Int3: return EndsWith(SystemOf(i, o, SystemOperation.Breakpoint));
            case Mnemonic.Int:
                SystemOf(i, o, SystemOperation.Interrupt);
                o->Imm = i.Immediate8;
                return Flow.End;
            case Mnemonic.Ud0 or Mnemonic.Ud1 or Mnemonic.Ud2:
            case Mnemonic.Rdrand or Mnemonic.Rdseed or Mnemonic.Xgetbv or Mnemonic.Xsetbv or Mnemonic.Rdpid: // not in CPUID
                o->Handler = (nint)Handlers.Undefined;
                return Flow.End;
            case Mnemonic.Iretq: return EndsWith(SystemOf(i, o, SystemOperation.InterruptReturn));
            case Mnemonic.Syscall or Mnemonic.Sysretq or Mnemonic.Sysret or Mnemonic.Sysenter or Mnemonic.Sysexit or Mnemonic.Sysexitq:
                return EndsWith(SystemOf(i, o, SystemOperation.SystemCall));
            case Mnemonic.In:
                return Port(i, o, SystemOperation.In, i.Op0Register, 1);
            case Mnemonic.Out:
                return Port(i, o, SystemOperation.Out, i.Op1Register, 0);
            case Mnemonic.Cmpxchg8b: return SystemOf(i, o, SystemOperation.Cmpxchg8);
            case Mnemonic.Cmpxchg16b: return SystemOf(i, o, SystemOperation.Cmpxchg16);
            case Mnemonic.Xlatb:
                o->B = Segment(i);
                o->Info.Select = (byte)SystemOperation.Xlat;
                o->Handler = (nint)Handlers.SystemOf;
                return Flow.Next;
            case Mnemonic.Ldmxcsr: return SystemOf(i, o, SystemOperation.LoadMxcsr);
            case Mnemonic.Stmxcsr: return SystemOf(i, o, SystemOperation.StoreMxcsr);
            case Mnemonic.Fninit: return SystemOf(i, o, SystemOperation.FpuInitialise);
            case Mnemonic.Fnstcw: return SystemOf(i, o, SystemOperation.FpuStoreControl);
            case Mnemonic.Fldcw: return SystemOf(i, o, SystemOperation.FpuLoadControl);
            case Mnemonic.Fnstsw: return SystemOf(i, o, SystemOperation.FpuStoreStatus);
            case Mnemonic.Fxsave or Mnemonic.Fxsave64: return SystemOf(i, o, SystemOperation.Fxsave);
            case Mnemonic.Fxrstor or Mnemonic.Fxrstor64: return SystemOf(i, o, SystemOperation.Fxrstor);
            default: return LowerVector(i, o);
        }
    }

    private static Flow Port(in Instruction i, Op* o, SystemOperation operation, Register data, int port)
    {
        General(data, out var size, out _);
        o->Info.Size = (byte)size;
        o->Info.Select = (byte)operation;
        if (i.GetOpKind(port) != OpKind.Register)
        {
            o->Imm = i.GetImmediate(port) & 0xFF;
            o->Info.Flags = OpFlags.Immediate;
        }
        o->Handler = (nint)Handlers.SystemOf;
        return Flow.Next;
    }
}
