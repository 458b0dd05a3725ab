using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Lkm.Machine.Translation;

/// <summary>Where the members of the record lie.</summary>
internal static unsafe class RecordOffset
{
    internal static readonly int Budget, Rip, StackLimit, WindowStart, FlagA, FlagB, FlagOverride, FlagKind;

    static RecordOffset()
    {
        Unsafe.SkipInit(out CpuRecord any);
        Budget = Between(&any, &any.Budget);
        Rip = Between(&any, &any.Rip);
        StackLimit = Between(&any, &any.StackLimit);
        WindowStart = Between(&any, &any.WindowStart);
        FlagA = Between(&any, &any.FlagA);
        FlagB = Between(&any, &any.FlagB);
        FlagOverride = Between(&any, &any.FlagOverride);
        FlagKind = Between(&any, &any.FlagKind);
    }

    internal static int Register(int number) => 8 * number;

    private static int Between(void* start, void* member) => (int)((byte*)member - (byte*)start);
}

// Local variables, constants, members of the record.
internal sealed unsafe partial class UnitCompiler
{
    private readonly List<LocalBuilder> _temporaries = [];
    private readonly List<LocalBuilder> _free = [];
    private readonly List<LocalBuilder> _ofInstruction = [];

    // What the flags at the start mention is in use; everything else is free.
    private void BeginTemporaries()
    {
        _free.Clear();
        foreach (var local in _temporaries)
        {
            if (!_flags.Mentions(local))
                _free.Add(local);
        }
        _ofInstruction.Clear();
    }

    private void EndInstruction()
    {
        foreach (var local in _ofInstruction)
        {
            if (!_flags.Mentions(local))
                _free.Add(local);
        }
        _ofInstruction.Clear();
    }

    private LocalBuilder Temporary()
    {
        LocalBuilder local;
        if (_free.Count > 0)
        {
            local = _free[^1];
            _free.RemoveAt(_free.Count - 1);
        }
        else
        {
            local = _il.DeclareLocal(typeof(long));
            _temporaries.Add(local);
        }
        _ofInstruction.Add(local);
        return local;
    }

    private void SetFlags(FlagState flags)
    {
        foreach (var local in _temporaries)
        {
            if (_flags.Mentions(local) && !flags.Mentions(local) && !_ofInstruction.Contains(local) && !_free.Contains(local))
                _free.Add(local);
        }
        _flags = flags;
    }

    private LocalBuilder RegisterLocal(int number) => _registers[number] ??= _il.DeclareLocal(typeof(long));

    private Value RegisterValue(int number)
    {
        if (number != CpuRecord.Rsp || !_options.Frames)
            return new(RegisterLocal(number), 0, number, true);
        var stack = Temporary();
        LoadRegister(number);
        StoreLocal(stack);
        return Value.Of(stack);
    }

    private void LoadRegister(int number)
    {
        LoadLocal(RegisterLocal(number));
        if (number == CpuRecord.Rsp)
            AddConstant(_stack.Delta);
    }

    private void AddConstant(long value)
    {
        if (value == 0)
            return;
        LoadConstant(value);
        _il.Emit(OpCodes.Add);
    }

    /// <summary>Sets a register to the 64 bits on the stack. Flags that still need its old value get a copy.</summary>
    private void StoreRegister(int number)
    {
        KeepForFlags(number);
        if (number == CpuRecord.Rsp)
        {
            if (IsStackFollowed())
            {
                _il.Emit(OpCodes.Pop);
                return;
            }
            AddConstant(-_stack.Delta);
        }
        StoreLocal(RegisterLocal(number));
    }

    private void KeepForFlags(int number)
    {
        if (!_flags.Mentions(number))
            return;
        if (!FlagsAreNeeded)
        {
            SetFlags(FlagState.Recorded); // nobody will look
            return;
        }
        var copy = Temporary();
        LoadRegister(number);
        StoreLocal(copy);
        SetFlags(_flags.Moved(number, copy));
    }

    private void LoadLocal(LocalBuilder local) => _il.Emit(OpCodes.Ldloc, local);

    private void StoreLocal(LocalBuilder local) => _il.Emit(OpCodes.Stloc, local);

    private void LoadConstant(long value) => _il.Emit(OpCodes.Ldc_I8, value);

    private void LoadInt(int value) => _il.Emit(OpCodes.Ldc_I4, value);

    private void RecordMember(int offset)
    {
        LoadLocal(_anchor);
        LoadConstant(_recordFromAnchor + offset);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Conv_I);
    }

    private void LoadRecordAddress() => RecordMember(0);

    /// <summary>Loads what every handler takes besides its op: the record and the two biases.</summary>
    private void LoadArguments()
    {
        LoadRecordAddress();
        foreach (var distance in new[] { GuestMemory.WindowFromAnchor, GuestMemory.ShadowFromAnchor })
        {
            LoadLocal(_anchor);
            LoadConstant(distance);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Conv_I);
        }
    }

    /// <summary>The address of a granule's shadow byte, whose number is on the stack.</summary>
    private void ShadowOfGranule()
    {
        LoadLocal(_anchor);
        _il.Emit(OpCodes.Add);
        LoadConstant(GuestMemory.ShadowFromAnchor);
        _il.Emit(OpCodes.Add);
    }

    private void LoadRecord(int offset)
    {
        RecordMember(offset);
        _il.Emit(OpCodes.Ldind_I8);
    }

    private void StoreRecord(int offset, Action value)
    {
        RecordMember(offset);
        value();
        _il.Emit(OpCodes.Stind_I8);
    }

    private void LoadRegisters(uint set)
    {
        for (var number = 0; number < 16; number++)
        {
            if ((set >> number & 1) == 0)
                continue;
            LoadRecord(RecordOffset.Register(number));
            if (number == CpuRecord.Rsp)
                AddConstant(-_stack.Delta);
            StoreLocal(RegisterLocal(number));
        }
    }

    private void StoreRegisters(uint set)
    {
        for (var number = 0; number < 16; number++)
        {
            if ((set >> number & 1) == 0)
                continue;
            RecordMember(RecordOffset.Register(number));
            LoadRegister(number);
            _il.Emit(OpCodes.Stind_I8);
        }
    }

    /// <summary>Loads a value, without what lies above its size: as 64 bits, or as 32.</summary>
    private void Load(Value value, int size, bool signed = false)
    {
        if (value.Local == null)
        {
            LoadSized(value.Constant, size, signed);
            return;
        }
        LoadLocal(value.Local);
        if (!signed && size < 8 && value.Extended == size)
            _il.Emit(OpCodes.Conv_I4);
        else
            Narrow(size, signed);
    }

    private void LoadSized(long value, int size, bool signed)
    {
        switch (size)
        {
            case 1: LoadInt(signed ? (sbyte)value : (byte)value); break;
            case 2: LoadInt(signed ? (short)value : (ushort)value); break;
            case 4: LoadInt((int)value); break;
            default: LoadConstant(value); break;
        }
    }

    /// <summary>Cuts what is on the stack to a size: 64 bits stay, everything smaller becomes 32 bits.</summary>
    private void Narrow(int size, bool signed = false)
    {
        switch (size)
        {
            case 1: _il.Emit(signed ? OpCodes.Conv_I1 : OpCodes.Conv_U1); break;
            case 2: _il.Emit(signed ? OpCodes.Conv_I2 : OpCodes.Conv_U2); break;
            case 4: _il.Emit(OpCodes.Conv_I4); break;
        }
    }

    private void LoadWhole(Value value)
    {
        if (value.Local == null)
            LoadConstant(value.Constant);
        else
            LoadLocal(value.Local);
    }
}
