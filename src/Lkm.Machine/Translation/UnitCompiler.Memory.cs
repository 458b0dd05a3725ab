using System.Reflection.Emit;
using Iced.Intel;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

// Accesses to memory. What the shadow plainly allows is done here; for everything else the interpreter does the instruction.
internal sealed unsafe partial class UnitCompiler
{
    private readonly List<(Label Start, Label Back, LocalBuilder Address, bool Write, Label Exit)> _crossings = [];
    private readonly HashSet<(string Place, int Size, bool Write)> _checked = [];

    /// <summary>Loads the address of the memory operand.</summary>
    private void LoadAddress(in Instruction i)
    {
        var parts = 0;
        var (based, indexed) = (i.MemoryBase, i.MemoryIndex);
        if (Liveness.Number(based) >= 0)
        {
            LoadRegister(Liveness.Number(based));
            parts++;
        }
        if (indexed != Register.None)
        {
            LoadRegister(Liveness.Number(indexed));
            if (i.MemoryIndexScale > 1)
            {
                LoadInt(System.Numerics.BitOperations.Log2((uint)i.MemoryIndexScale));
                _il.Emit(OpCodes.Shl);
            }
            if (parts++ > 0)
                _il.Emit(OpCodes.Add);
        }
        if (i.MemoryDisplacement64 != 0 || parts == 0)
        {
            LoadConstant((long)i.MemoryDisplacement64);
            if (parts > 0)
                _il.Emit(OpCodes.Add);
        }
        if (based == Register.EIP || based.GetSize() == 4 || indexed.GetSize() == 4)
        {
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
        }
    }

    /// <summary>The address of the memory operand, in a variable, after the check that it may be accessed.</summary>
    private LocalBuilder Access(in Instruction i, int size, bool write)
    {
        var address = Temporary();
        LoadAddress(i);
        var segment = i.MemorySegment switch
        {
            Register.FS => CpuRecord.Fs,
            Register.GS => CpuRecord.Gs,
            _ => -1,
        };
        if (segment >= 0)
        {
            LoadRecord(RecordOffset.Register(segment));
            _il.Emit(OpCodes.Add);
        }
        StoreLocal(address);
        Check(address, size, write);
        return address;
    }

    /// <summary>Leaves to the interpreter unless all bytes lie in the window, in granules that are accessible as a whole.</summary>
    private void Check(LocalBuilder address, int size, bool write)
    {
        var exit = ExitHere();
        LoadLocal(address);
        LoadLocal(_window);
        _il.Emit(OpCodes.Blt_Un, exit);
        CheckGranule(address, 0, write, exit);
        if (size == 1)
            return;
        var (start, back) = (_il.DefineLabel(), _il.DefineLabel());
        LoadLocal(address);
        _il.Emit(OpCodes.Conv_I4);
        LoadInt(7);
        _il.Emit(OpCodes.And);
        LoadInt(8 - size);
        _il.Emit(OpCodes.Bgt, start);
        _il.MarkLabel(back);
        _crossings.Add((start, back, address, write, exit));
    }

    // States above the accessible ones and below the poisoned ones do not exist, so signed comparison separates them.
    private void CheckGranule(LocalBuilder address, int next, bool write, Label exit)
    {
        _il.Emit(OpCodes.Ldarg_3);
        LoadLocal(address);
        LoadInt(3);
        _il.Emit(OpCodes.Shr_Un);
        _il.Emit(OpCodes.Add);
        if (next != 0)
        {
            LoadInt(next);
            _il.Emit(OpCodes.Add);
        }
        _il.Emit(write ? OpCodes.Ldind_U1 : OpCodes.Ldind_I1);
        LoadInt((int)Shadow.Accessible);
        _il.Emit(write ? OpCodes.Bne_Un : OpCodes.Blt, exit);
    }

    // Accesses of two granules, out of the way.
    private void EmitCrossings()
    {
        foreach (var (start, back, address, write, exit) in _crossings)
        {
            _il.MarkLabel(start);
            CheckGranule(address, 1, write, exit);
            _il.Emit(OpCodes.Br, back);
        }
    }

    private void LoadMemory(LocalBuilder address, int size, bool signed = false)
    {
        LoadHostAddress(address);
        _il.Emit((size, signed) switch
        {
            (1, false) => OpCodes.Ldind_U1,
            (1, true) => OpCodes.Ldind_I1,
            (2, false) => OpCodes.Ldind_U2,
            (2, true) => OpCodes.Ldind_I2,
            (4, _) => OpCodes.Ldind_I4,
            _ => OpCodes.Ldind_I8,
        });
    }

    private void LoadHostAddress(LocalBuilder address)
    {
        _il.Emit(OpCodes.Ldarg_2);
        LoadLocal(address);
        _il.Emit(OpCodes.Add);
    }

    private void StoreIndirect(int size) => _il.Emit(size switch
    {
        1 => OpCodes.Stind_I1,
        2 => OpCodes.Stind_I2,
        4 => OpCodes.Stind_I4,
        _ => OpCodes.Stind_I8,
    });
}
