using System.Reflection.Emit;

namespace Lkm.Machine.Translation;

// The stack pointer. It moves by constants nearly always, so its variable holds what it was at some time, and the compiler knows the rest: usually
// what it was at the entry, in the whole unit.
internal sealed unsafe partial class UnitCompiler
{
    private Known[] _known = []; // of the registers, before the current instruction
    private Known _stack; // what RSP holds, now: the number of the value that the variable holds, and so much more

    /// <summary>An address: what a variable holds, and so much more.</summary>
    private readonly record struct Location(LocalBuilder From, long Distance = 0)
    {
        internal Location Moved(long by) => this with { Distance = Distance + by };
    }

    private void BeginFollowing(Block block)
    {
        if (!_options.Frames)
            return;
        _known = _plan.KnownAt(block);
        _stack = _known[CpuRecord.Rsp];
    }

    private void FollowInstruction()
    {
        if (!_options.Frames)
            return;
        _plan.Follow(_index, _known);
        _stack = _known[CpuRecord.Rsp];
    }

    // The current instruction is about to set RSP. True if that is by a constant, so that the variable can stay.
    private bool IsStackFollowed()
    {
        if (!_options.Frames)
            return false;
        Known[] after = [.. _known];
        _plan.Follow(_index, after);
        var isFollowed = after[CpuRecord.Rsp].Number == _known[CpuRecord.Rsp].Number;
        _stack = after[CpuRecord.Rsp];
        return isFollowed;
    }

    private Location StackAt(long distance) => new(RegisterLocal(CpuRecord.Rsp), _stack.Delta + distance);

    private bool SettlesStack(Block block) => _options.Frames && _plan.KnownAt(block)[CpuRecord.Rsp] != _stack;

    // Where ways meet on which RSP is not the same, the variable holds it.
    private void SettleStack(Block block)
    {
        if (!SettlesStack(block))
            return;
        var expected = _plan.KnownAt(block)[CpuRecord.Rsp];
        LoadLocal(RegisterLocal(CpuRecord.Rsp));
        AddConstant(_stack.Delta - expected.Delta);
        StoreLocal(RegisterLocal(CpuRecord.Rsp));
        _stack = expected;
    }

    /// <summary>After a call: RSP is in the record. Who goes on behind the call expects it where it was before.</summary>
    private void ComeBackWithStack(Block following)
    {
        var expected = _options.Frames ? _plan.KnownAt(following)[CpuRecord.Rsp] : default;
        var isExpected = _options.Frames && expected == _stack with { Delta = _stack.Delta + 8 };
        _stack = expected;
        if ((following.LiveIn >> CpuRecord.Rsp & 1) == 0)
            return;
        if (!isExpected)
        {
            LoadRegisters(1u << CpuRecord.Rsp);
            return;
        }
        var good = _il.DefineLabel();
        LoadRecord(RecordOffset.Register(CpuRecord.Rsp));
        LoadRegister(CpuRecord.Rsp);
        _il.Emit(OpCodes.Beq, good);
        Return((nint)following.Address);
        _il.MarkLabel(good);
    }

    private void CheckFrame()
    {
        if (_plan.Frame is not { } frame)
            return;
        BeginTemporaries();
        var stack = StackAt(frame.First);
        var refused = Refused();
        var address = Address(stack);
        var granule = Granule(address, refused);
        BranchIfUnaligned(address, 8, refused);
        var shadow = Temporary();
        LoadLocal(granule);
        ShadowOfGranule();
        StoreLocal(shadow);
        var granules = new SortedDictionary<long, bool>();
        for (var n = 0; n < frame.Granules; n++)
            granules.Add(n, true);
        CheckGranules(shadow, granules, refused);
        EndInstruction();
    }
}
