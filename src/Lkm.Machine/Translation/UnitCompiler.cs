using System.Diagnostics.CodeAnalysis;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Iced.Intel;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

/// <summary>
/// Writes the method of a unit. It is a handler (see <see cref="Handlers"/>): it takes its slot, the record and the two biases, and
/// answers with a code of theirs, or with the guest address to go on at. Guest registers are local variables; at every call, return and
/// exit the record is whole.
/// </summary>
internal sealed unsafe partial class UnitCompiler
{
    private static readonly Type[] Signature = [typeof(nint), typeof(nint), typeof(nint), typeof(nint)];

    private const int LargestMethod = 45_000; // bytes of CIL: some way before the host's compiler stops optimising

    private readonly UnitMethod _unitMethod = new();
    private readonly Region _region;
    private readonly Liveness _liveness;
    private readonly AccessPlan _plan;
    private readonly TranslationOptions _options;
    private readonly Func<ulong, nint> _slotOf;
    private readonly DynamicMethod _method;
    private readonly ILGenerator _il;
    private readonly LocalBuilder?[] _registers = new LocalBuilder?[16];
    private readonly LocalBuilder _left, _exit, _anchor;
    private readonly Dictionary<Block, Label> _labels = [];
    private readonly Dictionary<Block, (FlagState Flags, int Uncharged)> _inherited = [];
    private readonly int _margin;
    private readonly long _recordFromAnchor;

    // Of the instruction being written.
    private int _index, _blockEnd;
    private int _uncharged;
    private uint _dirty;
    private FlagState _flags = FlagState.Recorded;

    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "the translator asks RuntimeFeature.IsDynamicCodeSupported first")]
    private UnitCompiler(Unit unit, TranslationOptions options, Func<ulong, nint> slotOf, long recordFromAnchor)
    {
        (_region, _slotOf) = (unit.Region!, slotOf);
        _options = options with { Frames = options.Frames && options.SharedChecks };
        _liveness = new Liveness(_region, options);
        _method = new DynamicMethod($"guest_{unit.Entry:x}", typeof(nint), Signature, typeof(UnitCompiler).Module, skipVisibility: true) { InitLocals = false };
        _il = _method.GetILGenerator(40 * _region.Instructions.Length + 256);
        (_left, _exit, _anchor) = (_il.DeclareLocal(typeof(long)), _il.DeclareLocal(typeof(int)), _il.DeclareLocal(typeof(long)));
        _recordFromAnchor = recordFromAnchor;
        _margin = _region.Instructions.Length + _region.Blocks.Max(b => Math.Max(b.Look, b.First) - b.First) + 1;
        _before = Loops.Predecessors(_region);
        FindCycles();
        _plan = new AccessPlan(_region, _liveness, _options, _cycles.Values);
    }

    /// <summary>Compiles a unit, unless that turns out to be too large. May run on any thread, while the guest runs.</summary>
    /// <param name="unit">The unit; its code and memory are filled in.</param>
    /// <param name="options">What is to be done.</param>
    /// <param name="slotOf">The slot of a guest address.</param>
    /// <param name="recordFromAnchor">Where the record is, from the memory's anchor.</param>
    internal static void Compile(Unit unit, TranslationOptions options, Func<ulong, nint> slotOf, long recordFromAnchor)
    {
        var compiler = new UnitCompiler(unit, options, slotOf, recordFromAnchor);
        compiler.Emit();
        unit.IsTooLarge = compiler._il.ILOffset > LargestMethod && compiler._region.Instructions.Length > 1;
        if (unit.IsTooLarge)
        {
            compiler._unitMethod.Free();
            return;
        }
        var handle = HandleOf(compiler._method);
        RuntimeHelpers.PrepareMethod(handle);
        compiler._unitMethod.Complete(compiler._method, handle.GetFunctionPointer());
        unit.Region = null;
        unit.Method = compiler._unitMethod;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "GetMethodDescriptor")]
    private static extern RuntimeMethodHandle HandleOf(DynamicMethod method);

    private void Emit()
    {
        foreach (var block in _region.Blocks)
            _labels[block] = _il.DefineLabel();
        Prologue();
        for (var n = 0; n < _region.Blocks.Count; n++)
            EmitBlock(_region.Blocks[n], n + 1 < _region.Blocks.Count ? _region.Blocks[n + 1] : null);
        EmitCycles();
        EmitEdges();
        EmitCrossings();
        EmitExits();
    }

    // The registers that are read before they are written, and those that are written back somewhere.
    private void Prologue()
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Conv_I8);
        LoadConstant(-_recordFromAnchor);
        _il.Emit(OpCodes.Add);
        StoreLocal(_anchor);
        LoadBudget(Refused());
        if (_region.Blocks.Any(b => b.Ending is Ending.Call or Ending.CallIndirect or Ending.EnterIf))
        {
            var here = _il.DeclareLocal(typeof(int));
            _il.Emit(OpCodes.Ldloca, here);
            _il.Emit(OpCodes.Conv_I8);
            LoadRecord(RecordOffset.StackLimit);
            _il.Emit(OpCodes.Blt_Un, Refused());
        }
        BeginFollowing(_region.EntryBlock);
        LoadRegisters(_region.EntryBlock.LiveIn);
        CheckFrame();
        SettleFlags(_region.EntryBlock);
        if (_region.Blocks[0] != _region.EntryBlock)
            _il.Emit(OpCodes.Br, _labels[_region.EntryBlock]);
    }

    private void EmitBlock(Block block, Block? next)
    {
        _il.MarkLabel(_labels[block]);
        (_flags, _uncharged) = block.IsJoin ? (FlagsAt(block), 0) : _inherited[block];
        _dirty = block.DirtyIn;
        BeginTemporaries();
        EnterCycle(block);
        EmitInstructions(block);
        EmitEnding(block, next);
    }

    // All but the one that ends it, which becomes the current one.
    private void EmitInstructions(Block block)
    {
        _blockEnd = block.End;
        BeginFollowing(block);
        var end = block.Ending is Ending.Fall or Ending.Leave ? block.End : block.End - 1;
        for (var i = block.First; i < end; i++)
        {
            _index = i;
            BeginInstruction();
            LookAtBudget(block);
            if (_liveness.Native[i])
                EmitNative(_region.Instructions[i]);
            else
                EmitStep(_region.Instructions[i]);
            _dirty = _liveness.Native[i] ? _dirty | _liveness.Defines[i] : 0;
            _uncharged++;
            FollowInstruction();
            EndInstruction();
        }
        _index = Math.Max(end, block.First);
        BeginInstruction();
        if (end < block.End)
            LookAtBudget(block);
    }

    private void LookAtBudget(Block block)
    {
        if (_index == block.Look && _plain == null)
            CheckBudget(ExitHere());
    }

    private ref Instruction Current => ref _region.Instructions[_index];

    private bool FlagsAreNeeded => _liveness.FlagsAfter[_index];

    // The interpreter's step does what there is no code for here.
    private void EmitStep(in Instruction instruction)
    {
        var step = _unitMethod.Allocate<Op>(2);
        Lowering.MakeStep(instruction, step);
        Synchronise(_dirty, 0);
        LoadConstant((long)step);
        _il.Emit(OpCodes.Conv_I);
        LoadArguments();
        LoadConstant(step->Handler);
        CallHandler();
        ReturnUnless(Handlers.Finished);
        LoadBudget(null);
        _uncharged = 0;
        SetFlags(instruction.RflagsModified == 0 ? _flags with { IsRecorded = true } : FlagState.Recorded);
        for (var number = 0; number < 16; number++)
        {
            if ((_liveness.Defines[_index] >> number & 1) != 0)
                KeepForFlags(number);
        }
        if ((_liveness.Defines[_index] >> CpuRecord.Rsp & 1) != 0)
            _ = IsStackFollowed(); // which it is not
        LoadRegisters(_liveness.Defines[_index] & _liveness.LiveAfter[_index]);
        _dirty = 0;
        CheckBudget(ExitTo(instruction.NextIP, 1));
    }

    // The variable holds what is left beyond the margin, so that looking at it is looking at its sign.
    private void LoadBudget(Label? exit)
    {
        LoadRecord(RecordOffset.Budget);
        LoadConstant(_margin);
        _il.Emit(OpCodes.Sub);
        StoreLocal(_left);
        if (exit is { } label)
            CheckBudget(label);
    }

    private void CheckBudget(Label exit)
    {
        LoadLocal(_left);
        LoadConstant(0);
        _il.Emit(OpCodes.Blt, exit);
    }

    /// <summary>Brings the record up to date: some registers, the flags, the budget after so many more instructions.</summary>
    private void Synchronise(uint dirty, int more)
    {
        StoreRegisters(dirty);
        SaveFlags();
        StoreRecord(RecordOffset.Budget, () =>
        {
            LoadLocal(_left);
            LoadConstant(_margin - _uncharged - more);
            _il.Emit(OpCodes.Add);
        });
    }

    private void Charge()
    {
        if (_uncharged == 0)
            return;
        LoadLocal(_left);
        LoadConstant(_uncharged);
        _il.Emit(OpCodes.Sub);
        StoreLocal(_left);
        _uncharged = 0;
    }
}
