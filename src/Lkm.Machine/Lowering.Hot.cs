using Iced.Intel;

namespace Lkm.Machine;

// The forms that code is mostly made of, each with a handler of its own. What is not one of them is left to the general forms.
internal sealed unsafe partial class Lowering
{
    private const uint UnknownFlags = uint.MaxValue;
    private const OpFlags UnusualAddress = OpFlags.Address32 | OpFlags.FsBase | OpFlags.GsBase;

    /// <summary>The kind and size of the flags at this point of the trace, if that is known.</summary>
    private uint _flagKind;

    /// <summary>The op just before, if it is a comparison of registers that a jump can join.</summary>
    private Op* _comparison;

    private bool _comparesImmediate;

    /// <summary>The same for a comparison with memory.</summary>
    private Op* _memoryComparison;

    private HotForm _memoryForm;

    private bool LowerHot(in Instruction i, Op* o, out Flow flow)
    {
        flow = Flow.Next;
        var comparison = _comparison;
        var memoryComparison = _memoryComparison;
        _comparison = _memoryComparison = null;
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov: return HotAlu<MoveOperation>(i, o, SilentOperation.Move);
            case Mnemonic.Add: return HotAlu<AddOperation>(i, o, SilentOperation.Add);
            case Mnemonic.Sub: return HotAlu<SubOperation>(i, o, SilentOperation.Sub);
            case Mnemonic.And: return HotAlu<AndOperation>(i, o, SilentOperation.And);
            case Mnemonic.Or: return HotAlu<OrOperation>(i, o, SilentOperation.Or);
            case Mnemonic.Xor: return HotAlu<XorOperation>(i, o, SilentOperation.Xor);
            case Mnemonic.Cmp: return HotAlu<CompareOperation>(i, o);
            case Mnemonic.Test: return HotAlu<TestOperation>(i, o);
            case Mnemonic.Movzx: return HotExtend(i, o, signed: false);
            case Mnemonic.Movsx or Mnemonic.Movsxd: return HotExtend(i, o, signed: true);
            case Mnemonic.Lea: return HotLea(i, o);
            case Mnemonic.Push when i.Code == Code.Push_r64:
                o->S = General(i.Op0Register, out _, out _);
                o->Handler = (nint)Handlers.HotPush;
                NoteMove(o, MoveKind.Push, 8, false);
                return true;
            case Mnemonic.Pop when i.Code == Code.Pop_r64:
                o->D = General(i.Op0Register, out _, out _);
                o->Handler = (nint)Handlers.HotPop;
                NoteMove(o, MoveKind.Pop, 8, false);
                return true;
            case Mnemonic.Shl or Mnemonic.Sal: return HotShift(i, o, Shift.Shl);
            case Mnemonic.Shr: return HotShift(i, o, Shift.Shr);
            case Mnemonic.Sar: return HotShift(i, o, Shift.Sar);
            case Mnemonic.Rol: return HotShift(i, o, Shift.Rol);
            case Mnemonic.Ror: return HotShift(i, o, Shift.Ror);
            case Mnemonic.Inc: return HotUnary(i, o, Alu.Inc, Flags.Inc);
            case Mnemonic.Dec: return HotUnary(i, o, Alu.Dec, Flags.Dec);
            case Mnemonic.Neg: return HotUnary(i, o, Alu.Neg, Flags.Sub);
            case Mnemonic.Not: return HotUnary(i, o, Alu.Not, Flags.Literal);
            case Mnemonic.Bswap: return HotUnary(i, o, Alu.Bswap, Flags.Literal);
            case Mnemonic.Imul when i.OpCount == 2 && i.Op1Kind == OpKind.Register && IsWide(i.Op0Register):
                o->D = General(i.Op0Register, out var size, out _);
                o->S = General(i.Op1Register, out _, out _);
                o->Handler = Chosen(Handlers.ChooseMultiply(size));
                _flagKind = UnknownFlags;
                return true;
            case Mnemonic.Jmp or Mnemonic.Call or Mnemonic.Ret or Mnemonic.Nop or Mnemonic.Endbr64:
                flow = LowerGeneral(i, o); // leaves the flags alone
                return true;
            default:
                return IsConditional(i) && HotConditional(i, o, comparison, memoryComparison);
        }
    }

    // Not all that have a condition: CMPccXADD is none of these.
    private static bool IsConditional(in Instruction i) => i.IsJccShortOrNear
        || i.Code is (>= Code.Seto_rm8 and <= Code.Setg_rm8) or (>= Code.Cmovo_r16_rm16 and <= Code.Cmovg_r64_rm64);

    private static bool IsWide(Register register) => register is >= Register.EAX and <= Register.R15;

    private static bool IsHigh(Register register) => register is >= Register.AH and <= Register.BH;

    private static bool IsGeneral(Register register) => register is >= Register.AL and <= Register.R15;

    private bool HotAlu<TOperation>(in Instruction i, Op* o, SilentOperation silent = SilentOperation.None)
        where TOperation : struct, IOperation
    {
        int size;
        HotForm form;
        if (i.Op0Kind == OpKind.Register)
        {
            if (!IsGeneral(i.Op0Register) || IsHigh(i.Op0Register))
                return false;
            o->D = General(i.Op0Register, out size, out _);
            switch (i.Op1Kind)
            {
                case OpKind.Register when IsGeneral(i.Op1Register) && !IsHigh(i.Op1Register):
                    o->S = General(i.Op1Register, out _, out _);
                    form = HotForm.RegisterRegister;
                    break;
                case OpKind.Memory when i.Op1Kind == OpKind.Memory:
                    Memory(i, o);
                    form = o->X == CpuRecord.Zero ? HotForm.RegisterBased : HotForm.RegisterIndexed;
                    break;
                case OpKind.Register:
                    return false;
                default:
                    o->Imm = i.GetImmediate(1);
                    form = HotForm.RegisterImmediate;
                    break;
            }
        }
        else if (i.Op0Kind == OpKind.Memory)
        {
            size = i.MemorySize.GetSize();
            Memory(i, o);
            var indexed = o->X != CpuRecord.Zero;
            if (i.Op1Kind == OpKind.Register)
            {
                if (!IsGeneral(i.Op1Register) || IsHigh(i.Op1Register))
                    return false;
                o->S = General(i.Op1Register, out _, out _);
                form = indexed ? HotForm.IndexedRegister : HotForm.BasedRegister;
            }
            else
            {
                o->Imm = i.GetImmediate(1);
                form = indexed ? HotForm.IndexedImmediate : HotForm.BasedImmediate;
            }
        }
        else
        {
            return false;
        }
        if ((o->Info.Flags & UnusualAddress) != 0)
            return false;
        o->Target = null; // was Info
        o->Handler = Chosen(Handlers.ChooseAlu<TOperation>(size, form));
        if (form <= HotForm.RegisterImmediate)
        {
            Affect(TOperation.Kind == Flags.Literal ? FlagEffect.Passes : FlagEffect.Replaces);
            if (silent == SilentOperation.Move && form == HotForm.RegisterRegister && size >= 4)
                _silent[(int)(o - _trace)] = new SilentOp(silent, size, false);
            else if (silent is not (SilentOperation.None or SilentOperation.Move))
                Await(o, silent, size, form == HotForm.RegisterImmediate);
        }
        if (silent == SilentOperation.Move)
            NoteMove(o, form, size);
        else if (silent == SilentOperation.Add && form == HotForm.RegisterImmediate && size == 8)
            NoteMove(o, MoveKind.AddConstant, size, false);
        if (TOperation.Kind == Flags.Literal)
            return true;
        _flagKind = TOperation.Kind | ((uint)size << 4);
        if (!TOperation.Writes && form <= HotForm.RegisterImmediate)
        {
            _comparison = o;
            _comparesImmediate = form == HotForm.RegisterImmediate;
        }
        else if (!TOperation.Writes)
        {
            _memoryComparison = o;
            _memoryForm = form;
        }
        return true;
    }

    private bool HotExtend(in Instruction i, Op* o, bool signed)
    {
        if (!IsWide(i.Op0Register))
            return false;
        o->D = General(i.Op0Register, out var to, out _);
        int from;
        var form = HotForm.RegisterRegister;
        if (i.Op1Kind == OpKind.Register)
        {
            if (IsHigh(i.Op1Register))
                return false;
            o->S = General(i.Op1Register, out from, out _);
        }
        else
        {
            from = i.MemorySize.GetSize();
            Memory(i, o);
            form = o->X == CpuRecord.Zero ? HotForm.RegisterBased : HotForm.RegisterIndexed;
        }
        if ((o->Info.Flags & UnusualAddress) != 0 || from >= to)
            return false;
        o->Target = null;
        o->Handler = Chosen(Handlers.ChooseExtend(from, to, form, signed));
        if (form == HotForm.RegisterRegister)
            Affect(FlagEffect.Passes);
        else if (!signed)
            NoteMove(o, MoveKind.Load, from, form == HotForm.RegisterIndexed);
        return true;
    }

    private bool HotLea(in Instruction i, Op* o)
    {
        if (!IsWide(i.Op0Register) || i.MemorySegment is Register.FS or Register.GS)
            return false;
        o->D = General(i.Op0Register, out var size, out _);
        Memory(i, o);
        if (o->Info.Flags != 0)
            return false;
        o->Handler = Chosen(Handlers.ChooseLea(size, o->X != CpuRecord.Zero));
        Affect(FlagEffect.Passes);
        if (size >= 4)
            _silent[(int)(o - _trace)] = new SilentOp(o->X != CpuRecord.Zero ? SilentOperation.LoadIndexedAddress : SilentOperation.LoadAddress, size, false);
        return true;
    }

    private bool HotShift(in Instruction i, Op* o, Shift shift)
    {
        if (i.Op0Kind != OpKind.Register || !IsWide(i.Op0Register) || i.Op1Kind != OpKind.Immediate8)
            return false;
        o->D = General(i.Op0Register, out var size, out _);
        o->Imm = i.Immediate8 & (size == 8 ? 63u : 31u);
        if (o->Imm == 0)
            return false;
        if (shift == Shift.Ror)
            o->Imm = (ulong)(8 * size) - o->Imm;
        o->Handler = Chosen(Handlers.ChooseShift(shift, size));
        Affect(shift is Shift.Rol or Shift.Ror ? FlagEffect.Passes : FlagEffect.Replaces);
        Await(o, shift switch
        {
            Shift.Shl => SilentOperation.ShiftLeft,
            Shift.Shr => SilentOperation.ShiftRight,
            Shift.Sar => SilentOperation.ShiftRightSigned,
            _ => SilentOperation.RotateLeft,
        }, size, immediate: true);
        _flagKind = UnknownFlags;
        return true;
    }

    private bool HotUnary(in Instruction i, Op* o, Alu alu, uint kind)
    {
        if (i.Op0Kind != OpKind.Register || !IsWide(i.Op0Register))
            return false;
        o->D = General(i.Op0Register, out var size, out _);
        o->Handler = Chosen(Handlers.ChooseUnary(alu, size));
        if (alu is Alu.Not or Alu.Bswap)
            Affect(FlagEffect.Passes);
        if (kind != Flags.Literal)
            _flagKind = kind | ((uint)size << 4);
        return true;
    }

    private bool HotConditional(in Instruction i, Op* o, Op* comparison, Op* memoryComparison)
    {
        if (_flagKind == UnknownFlags)
            return false;
        var condition = Condition(i.ConditionCode);
        if (i.IsJccShortOrNear)
        {
            var joined = comparison == null ? null : Handlers.ChooseCompareJump(_flagKind, _comparesImmediate, condition);
            if (joined != null)
            {
                comparison->Handler = Chosen(joined);
                comparison->Disp = (long)i.NearBranchTarget;
                comparison->Target = null;
                NoteJump(comparison, _comparesImmediate ? HotForm.RegisterImmediate : HotForm.RegisterRegister, condition);
                JoinAddition(comparison, condition);
                return true; // with no handler, this op is not there
            }
            o->Disp = (long)i.NearBranchTarget;
            o->Handler = Chosen(Handlers.ChooseKnown(ConditionalUse.Jump, _flagKind, condition));
            var both = memoryComparison == null ? null : Handlers.ChooseCompareMemoryJump(_flagKind, _memoryForm, condition);
            if (both != null)
            {
                memoryComparison->Handler = Chosen(both);
                NoteJump(memoryComparison, _memoryForm, condition);
            }
            return KeepingFlags(i, o);
        }
        if (i.Code is >= Code.Seto_rm8 and <= Code.Setg_rm8 && i.Op0Kind == OpKind.Register && !IsHigh(i.Op0Register))
        {
            o->D = General(i.Op0Register, out _, out _);
            o->Handler = Chosen(Handlers.ChooseKnown(ConditionalUse.Set, _flagKind, condition));
            return KeepingFlags(i, o);
        }
        if (i.Code is >= Code.Cmovo_r16_rm16 and <= Code.Cmovg_r64_rm64 && i.Op1Kind == OpKind.Register && IsWide(i.Op0Register))
        {
            o->D = General(i.Op0Register, out var size, out _);
            o->S = General(i.Op1Register, out _, out _);
            o->Imm = size == 8 ? ulong.MaxValue : uint.MaxValue;
            o->Handler = Chosen(Handlers.ChooseKnown(ConditionalUse.Move, _flagKind, condition));
            return KeepingFlags(i, o);
        }
        return KeepingFlags(i, o);
    }

    // A condition reads the flags and leaves them: what is known of them stays known, also after the general form.
    private bool KeepingFlags(in Instruction i, Op* o)
    {
        if (o->Handler != 0)
            return true;
        *o = new Op { Rip = o->Rip, Index = o->Index, Length = o->Length };
        LowerGeneral(i, o);
        return true;
    }
}
