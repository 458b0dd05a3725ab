using Iced.Intel;

namespace Lkm.Machine;

// Which handler does what: the general forms. The hot forms are chosen first (Lowering.Hot.cs).
internal sealed unsafe partial class Lowering
{
    private Flow Lower(in Instruction i, Op* o)
    {
        _effect = FlagEffect.MayNeed;
        if (LowerHot(i, o, out var flow))
        {
            if (_effect == FlagEffect.MayNeed)
                ResetWaiting();
            return flow;
        }
        ResetWaiting();
        *o = new Op { Rip = o->Rip, Index = o->Index, Length = o->Length };
        _flagKind = UnknownFlags;
        flow = LowerGeneral(i, o);
        return flow;
    }

    private static Flow General(in Instruction i, Op* o, Handler handler, int select = 0)
    {
        Operands(i, o);
        o->Info.Select = (byte)select;
        o->Handler = (nint)handler;
        return Flow.Next;
    }

    private static Flow SystemOf(in Instruction i, Op* o, SystemOperation operation, int extra = 0)
    {
        if (i.OpCount > 0)
            Operands(i, o);
        o->Info.Select = (byte)operation;
        o->Info.Extra = (byte)extra;
        o->Handler = (nint)Handlers.SystemOf;
        return Flow.Next;
    }

    private static Flow EndsWith(Flow flow) => flow == Flow.Next ? Flow.End : flow;

    private static Flow LowerGeneral(in Instruction i, Op* o)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov:
                return LowerMove(i, o);
            case Mnemonic.Movnti:
                return General(i, o, Handlers.Binary, (int)Alu.Mov);
            case Mnemonic.Add: return General(i, o, Handlers.Binary, (int)Alu.Add);
            case Mnemonic.Or: return General(i, o, Handlers.Binary, (int)Alu.Or);
            case Mnemonic.Adc: return General(i, o, Handlers.Binary, (int)Alu.Adc);
            case Mnemonic.Sbb: return General(i, o, Handlers.Binary, (int)Alu.Sbb);
            case Mnemonic.And: return General(i, o, Handlers.Binary, (int)Alu.And);
            case Mnemonic.Sub: return General(i, o, Handlers.Binary, (int)Alu.Sub);
            case Mnemonic.Xor: return General(i, o, Handlers.Binary, (int)Alu.Xor);
            case Mnemonic.Cmp: return General(i, o, Handlers.Binary, (int)Alu.Cmp);
            case Mnemonic.Test: return General(i, o, Handlers.Binary, (int)Alu.Test);
            case Mnemonic.Xchg: return LowerExchange(i, o, Alu.Xchg);
            case Mnemonic.Xadd: return General(i, o, Handlers.Binary, (int)Alu.Xadd);
            case Mnemonic.Cmpxchg: return General(i, o, Handlers.Binary, (int)Alu.Cmpxchg);
            case Mnemonic.Adcx: return General(i, o, Handlers.Binary, (int)Alu.Adcx);
            case Mnemonic.Adox: return General(i, o, Handlers.Binary, (int)Alu.Adox);
            case Mnemonic.Inc: return General(i, o, Handlers.Unary, (int)Alu.Inc);
            case Mnemonic.Dec: return General(i, o, Handlers.Unary, (int)Alu.Dec);
            case Mnemonic.Neg: return General(i, o, Handlers.Unary, (int)Alu.Neg);
            case Mnemonic.Not: return General(i, o, Handlers.Unary, (int)Alu.Not);
            case Mnemonic.Bswap: return General(i, o, Handlers.Unary, (int)Alu.Bswap);
            case Mnemonic.Rol: return General(i, o, Handlers.ShiftOf, (int)Shift.Rol);
            case Mnemonic.Ror: return General(i, o, Handlers.ShiftOf, (int)Shift.Ror);
            case Mnemonic.Rcl: return General(i, o, Handlers.ShiftOf, (int)Shift.Rcl);
            case Mnemonic.Rcr: return General(i, o, Handlers.ShiftOf, (int)Shift.Rcr);
            case Mnemonic.Shl or Mnemonic.Sal: return General(i, o, Handlers.ShiftOf, (int)Shift.Shl);
            case Mnemonic.Shr: return General(i, o, Handlers.ShiftOf, (int)Shift.Shr);
            case Mnemonic.Sar: return General(i, o, Handlers.ShiftOf, (int)Shift.Sar);
            case Mnemonic.Shld: return LowerDoubleShift(i, o, 0);
            case Mnemonic.Shrd: return LowerDoubleShift(i, o, 1);
            case Mnemonic.Movzx: return General(i, o, Handlers.ExtendZero);
            case Mnemonic.Movsx or Mnemonic.Movsxd: return General(i, o, Handlers.ExtendSign);
            case Mnemonic.Lea: return General(i, o, Handlers.LoadAddress);
            case Mnemonic.Movbe:
                General(i, o, Handlers.ByteSwapMove);
                o->Info.Size = Math.Max(o->Info.Size, o->Info.SourceSize);
                return Flow.Next;
            case Mnemonic.Imul: return LowerMultiply(i, o);
            case Mnemonic.Mul: return General(i, o, Handlers.WideMultiply);
            case Mnemonic.Div: return General(i, o, Handlers.Divide);
            case Mnemonic.Idiv: return General(i, o, Handlers.Divide, 1);
            case Mnemonic.Bt: return General(i, o, Handlers.BitTest, (int)BitOperation.Test);
            case Mnemonic.Bts: return General(i, o, Handlers.BitTest, (int)BitOperation.Set);
            case Mnemonic.Btr: return General(i, o, Handlers.BitTest, (int)BitOperation.Reset);
            case Mnemonic.Btc: return General(i, o, Handlers.BitTest, (int)BitOperation.Complement);
            case Mnemonic.Bsf: return General(i, o, Handlers.BitScanOf, (int)BitScan.Forward);
            case Mnemonic.Bsr: return General(i, o, Handlers.BitScanOf, (int)BitScan.Reverse);
            case Mnemonic.Tzcnt: return General(i, o, Handlers.BitScanOf, (int)BitScan.TrailingZeros);
            case Mnemonic.Lzcnt: return General(i, o, Handlers.BitScanOf, (int)BitScan.LeadingZeros);
            case Mnemonic.Popcnt: return General(i, o, Handlers.BitScanOf, (int)BitScan.Population);
            case Mnemonic.Blsi: return General(i, o, Handlers.BitScanOf, (int)BitScan.Blsi);
            case Mnemonic.Blsmsk: return General(i, o, Handlers.BitScanOf, (int)BitScan.Blsmsk);
            case Mnemonic.Blsr: return General(i, o, Handlers.BitScanOf, (int)BitScan.Blsr);
            case Mnemonic.Andn: return LowerField(i, o, Handlers.Binary, (int)Alu.Andn, 2, 1);
            case Mnemonic.Bextr: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Bextr, 1, 2);
            case Mnemonic.Bzhi: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Bzhi, 1, 2);
            case Mnemonic.Shlx: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Shlx, 1, 2);
            case Mnemonic.Shrx: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Shrx, 1, 2);
            case Mnemonic.Sarx: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Sarx, 1, 2);
            case Mnemonic.Mulx: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Mulx, 2, 1);
            case Mnemonic.Pdep: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Pdep, 2, 1);
            case Mnemonic.Pext: return LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Pext, 2, 1);
            case Mnemonic.Rorx:
                LowerField(i, o, Handlers.BitFieldOf, (int)BitField.Rorx, 1, -1);
                o->Imm = i.GetImmediate(2);
                return Flow.Next;
            case Mnemonic.Push: return LowerPush(i, o);
            case Mnemonic.Pop: return LowerPop(i, o);
            case Mnemonic.Pushfq or Mnemonic.Pushf:
                o->Info.Size = (byte)(i.Mnemonic == Mnemonic.Pushfq ? 8 : 2);
                o->Handler = (nint)Handlers.PushFlags;
                return Flow.Next;
            case Mnemonic.Popfq or Mnemonic.Popf:
                o->Info.Size = (byte)(i.Mnemonic == Mnemonic.Popfq ? 8 : 2);
                o->Handler = (nint)Handlers.PopFlags;
                return Flow.Next;
            case Mnemonic.Leave when i.Code == Code.Leaveq:
                o->Handler = (nint)Handlers.LeaveFrame;
                return Flow.Next;
            case Mnemonic.Enter when i.Code == Code.Enterq_imm16_imm8 && i.Immediate8_2nd == 0:
                o->Imm = i.Immediate16;
                o->Handler = (nint)Handlers.EnterFrame;
                return Flow.Next;
            case Mnemonic.Jmp: return LowerJump(i, o);
            case Mnemonic.Call: return LowerCall(i, o);
            case Mnemonic.Ret when i.Code is Code.Retnq or Code.Retnq_imm16:
                o->Imm = 8 + (i.OpCount > 0 ? i.Immediate16 : 0UL);
                o->Handler = (nint)Handlers.Return;
                return Flow.End;
            case Mnemonic.Retf:
                o->Imm = i.OpCount > 0 ? i.Immediate16 : 0UL;
                o->S = (byte)(i.Code is Code.Retfq or Code.Retfq_imm16 ? 8 : i.Code is Code.Retfd or Code.Retfd_imm16 ? 4 : 2);
                o->Handler = (nint)Handlers.ReturnFar;
                return Flow.End;
            case Mnemonic.Loopne: return LowerCounted(i, o, 0);
            case Mnemonic.Loope: return LowerCounted(i, o, 1);
            case Mnemonic.Loop: return LowerCounted(i, o, 2);
            case Mnemonic.Jrcxz or Mnemonic.Jecxz: return LowerCounted(i, o, 3);
            case Mnemonic.Nop or Mnemonic.Reservednop or Mnemonic.Pause or Mnemonic.Endbr64 or Mnemonic.Endbr32 or Mnemonic.Lfence or Mnemonic.Mfence
                or Mnemonic.Sfence or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2
                or Mnemonic.Prefetchw or Mnemonic.Prefetch or Mnemonic.Prefetchwt1 or Mnemonic.Clflush or Mnemonic.Clflushopt or Mnemonic.Clwb
                or Mnemonic.Wait or Mnemonic.Cldemote or Mnemonic.Serialize or Mnemonic.Fnclex or Mnemonic.Fnop:
                o->Handler = (nint)Handlers.Nothing;
                return Flow.Next;
            default:
                var condition = i.ConditionCode;
                if (condition != ConditionCode.None)
                    return LowerConditional(i, o, Condition(condition));
                return LowerString(i, o) is Flow.Next ? Flow.Next : LowerSystem(i, o);
        }
    }

    /// <summary>The condition code as instructions encode it.</summary>
    internal static int Condition(ConditionCode condition) => condition switch
    {
        ConditionCode.o => 0,
        ConditionCode.no => 1,
        ConditionCode.b => 2,
        ConditionCode.ae => 3,
        ConditionCode.e => 4,
        ConditionCode.ne => 5,
        ConditionCode.be => 6,
        ConditionCode.a => 7,
        ConditionCode.s => 8,
        ConditionCode.ns => 9,
        ConditionCode.p => 10,
        ConditionCode.np => 11,
        ConditionCode.l => 12,
        ConditionCode.ge => 13,
        ConditionCode.le => 14,
        _ => 15,
    };

    private static Flow LowerConditional(in Instruction i, Op* o, int condition)
    {
        if (i.IsJccShortOrNear)
        {
            o->Imm = (ulong)condition;
            o->Disp = (long)i.NearBranchTarget;
            o->Handler = (nint)Handlers.JumpIf;
            return Flow.Next;
        }
        if (i.Code is >= Code.Seto_rm8 and <= Code.Setg_rm8)
            return General(i, o, Handlers.SetIf, condition);
        return i.Code is >= Code.Cmovo_r16_rm16 and <= Code.Cmovg_r64_rm64 ? General(i, o, Handlers.MoveIf, condition) : Flow.Unsupported;
    }

    private static Flow LowerExchange(in Instruction i, Op* o, Alu alu)
    {
        General(i, o, Handlers.Binary, (int)alu);
        if (!o->Info.Flags.HasFlag(OpFlags.MemorySource))
            return Flow.Next;
        // XCHG register, memory is XCHG memory, register.
        (o->D, o->S) = (o->S, o->D);
        var high = o->Info.Flags & OpFlags.HighDestination;
        o->Info.Flags &= ~(OpFlags.MemorySource | OpFlags.HighDestination);
        o->Info.Flags |= OpFlags.MemoryDestination | (high != 0 ? OpFlags.HighSource : 0);
        return Flow.Next;
    }

    private static Flow LowerDoubleShift(in Instruction i, Op* o, int select)
    {
        General(i, o, Handlers.DoubleShift, select);
        if (i.Op2Kind != OpKind.Register)
        {
            o->Imm = i.GetImmediate(2);
            o->Info.Flags |= OpFlags.Immediate;
        }
        return Flow.Next;
    }

    private static Flow LowerMultiply(in Instruction i, Op* o)
    {
        switch (i.OpCount)
        {
            case 1:
                return General(i, o, Handlers.WideMultiply, 1);
            case 2:
                return General(i, o, Handlers.Binary, (int)Alu.Imul);
            default:
                General(i, o, Handlers.Imul3);
                o->Imm = i.GetImmediate(2);
                return Flow.Next;
        }
    }

    // Three operands: destination, and two of which only one can be in memory.
    private static Flow LowerField(in Instruction i, Op* o, Handler handler, int select, int source, int extra)
    {
        o->D = General(i.Op0Register, out var size, out _);
        o->Info.Size = (byte)size;
        o->Info.Select = (byte)select;
        SourceOperand(i, o, source);
        if (extra >= 0)
            o->Info.Extra = General(i.GetOpRegister(extra), out _, out _);
        o->Handler = (nint)handler;
        return Flow.Next;
    }

    private static Flow LowerPush(in Instruction i, Op* o)
    {
        var size = i.StackPointerIncrement == -2 ? 2 : 8;
        if (i.Op0Kind == OpKind.Register && i.Op0Register is Register.FS or Register.GS)
        {
            SystemOf(i, o, SystemOperation.PushSegment, i.Op0Register - Register.ES);
            o->Info.Size = (byte)size;
            return Flow.Next;
        }
        SourceOperand(i, o, 0);
        o->Info.Size = (byte)size;
        o->Handler = (nint)Handlers.PushOf;
        return Flow.Next;
    }

    private static Flow LowerPop(in Instruction i, Op* o)
    {
        if (i.Op0Kind == OpKind.Register && i.Op0Register is Register.FS or Register.GS)
            return Flow.Unsupported;
        return General(i, o, Handlers.PopOf);
    }

    private static Flow LowerMove(in Instruction i, Op* o)
    {
        var (to, from) = (i.Op0Kind == OpKind.Register ? i.Op0Register : 0, i.Op1Kind == OpKind.Register ? i.Op1Register : 0);
        if (from is >= Register.CR0 and <= Register.CR15 or >= Register.DR0 and <= Register.DR15)
        {
            o->D = General(to, out _, out _);
            var control = from <= Register.CR15;
            return Special(o, control ? SystemOperation.ReadControl : SystemOperation.ReadDebug, from - (control ? Register.CR0 : Register.DR0));
        }
        if (to is >= Register.CR0 and <= Register.CR15 or >= Register.DR0 and <= Register.DR15)
        {
            o->S = General(from, out _, out _);
            var control = to <= Register.CR15;
            return Special(o, control ? SystemOperation.WriteControl : SystemOperation.WriteDebug, to - (control ? Register.CR0 : Register.DR0));
        }
        if (from is >= Register.ES and <= Register.GS)
        {
            OperandsWithoutSource(i, o);
            return Special(o, SystemOperation.MoveFromSegment, from - Register.ES);
        }
        if (to is >= Register.ES and <= Register.GS)
        {
            if (to == Register.CS)
            {
                o->Handler = (nint)Handlers.Undefined;
                return Flow.End;
            }
            SourceOperand(i, o, 1);
            return Special(o, SystemOperation.MoveToSegment, to - Register.ES);
        }
        return General(i, o, Handlers.Binary, (int)Alu.Mov);
    }

    private static Flow Special(Op* o, SystemOperation operation, int extra)
    {
        o->Info.Select = (byte)operation;
        o->Info.Extra = (byte)(extra & 15);
        o->Handler = (nint)Handlers.SystemOf;
        return Flow.Next;
    }

    private static void OperandsWithoutSource(in Instruction i, Op* o)
    {
        if (i.Op0Kind == OpKind.Memory)
        {
            o->Info.Flags |= OpFlags.MemoryDestination;
            Memory(i, o);
            return;
        }
        o->D = General(i.Op0Register, out var size, out _);
        o->Info.Size = (byte)size;
    }

    private static Flow LowerJump(in Instruction i, Op* o)
    {
        if (i.IsJmpShortOrNear)
        {
            o->Disp = (long)i.NearBranchTarget;
            o->Handler = (nint)Handlers.Jump;
            return Flow.End;
        }
        return Indirect(i, o, i.IsJmpNearIndirect, Handlers.JumpIndirect) ? Flow.End : Flow.Unsupported;
    }

    private static Flow LowerCall(in Instruction i, Op* o)
    {
        if (i.IsCallNear)
        {
            o->Disp = (long)i.NearBranchTarget;
            o->Handler = (nint)Handlers.Call;
            return Flow.Call;
        }
        return Indirect(i, o, i.IsCallNearIndirect, Handlers.CallIndirect) ? Flow.Call : Flow.Unsupported;
    }

    // Target is the op's cache, so the address flags move to S.
    private static bool Indirect(in Instruction i, Op* o, bool near, Handler handler)
    {
        if (!near)
            return false;
        if (i.Op0Kind == OpKind.Register)
        {
            o->D = General(i.Op0Register, out _, out _);
            handler = i.IsJmpNearIndirect ? Handlers.JumpByRegister : Handlers.CallByRegister;
        }
        else
        {
            Memory(i, o);
            o->S = (byte)o->Info.Flags;
            o->D = CpuRecord.Zero;
        }
        o->Target = null;
        o->Handler = (nint)handler;
        return true;
    }

    private static Flow LowerCounted(in Instruction i, Op* o, int kind)
    {
        o->Disp = (long)i.NearBranchTarget;
        var narrow = i.Mnemonic == Mnemonic.Jecxz || i.Code is Code.Loop_rel8_64_ECX or Code.Loope_rel8_64_ECX or Code.Loopne_rel8_64_ECX;
        o->Imm = (uint)kind + (narrow ? 8UL : 0);
        o->Handler = (nint)Handlers.CountedJump;
        return Flow.Next;
    }

    private static Flow LowerString(in Instruction i, Op* o)
    {
        var operation = i.Mnemonic switch
        {
            Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq => StringOperation.Move,
            Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq => StringOperation.Store,
            Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd or Mnemonic.Lodsq => StringOperation.Load,
            Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq => StringOperation.Compare,
            Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq => StringOperation.Scan,
            Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd => StringOperation.In,
            Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd => StringOperation.Out,
            _ => (StringOperation)255,
        };
        if (operation == (StringOperation)255 || !i.IsStringInstruction || HasNarrowPointers(i))
            return Flow.Unsupported;
        o->Info.Size = (byte)i.MemorySize.GetSize();
        o->Info.Select = (byte)operation;
        o->Imm = i.HasRepnePrefix ? Handlers.RepeatNotEqual : i.HasRepPrefix ? Handlers.Repeat : 0;
        o->B = Segment(i);
        o->Handler = (nint)Handlers.StringOf;
        return Flow.Next;
    }

    private static bool HasNarrowPointers(in Instruction i)
    {
        for (var n = 0; n < i.OpCount; n++)
        {
            if (i.GetOpKind(n) is OpKind.MemorySegESI or OpKind.MemoryESEDI or OpKind.MemorySegSI or OpKind.MemoryESDI)
                return true;
        }
        return false;
    }
}
