using System.Reflection.Emit;
using Iced.Intel;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

// Accesses to memory. What the shadow plainly allows is done here; for everything else the interpreter does the instruction.
internal sealed unsafe partial class UnitCompiler
{
    private readonly List<Crossing> _crossings = [];
    private int _ordinal; // of the next check of the instruction
    private uint? _sums; // registers that hold sums of an address and a number of bytes

    /// <summary>
    /// A check of what is not aligned: of the granules of bytes at distances from an address.
    /// </summary>
    private readonly record struct Crossing(Label Start, Label Back, LocalBuilder Address, SortedDictionary<int, bool> Pieces, Label Exit);

    /// <summary>Loads the address of the memory operand.</summary>
    private void LoadAddress(in Instruction i)
    {
        var parts = 0;
        var (based, indexed) = (i.MemoryBase, i.MemoryIndex);
        if (Liveness.Number(based) >= 0)
        {
            LoadLocal(RegisterLocal(Liveness.Number(based)));
            parts++;
        }
        var distance = (long)i.MemoryDisplacement64 + (Liveness.Number(based) == CpuRecord.Rsp ? _stack.Delta : 0);
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
        if (parts == 0)
            LoadConstant(distance);
        else
            AddConstant(distance);
        if (based == Register.EIP || based.GetSize() == 4 || indexed.GetSize() == 4)
        {
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
        }
    }

    /// <summary>The address of the memory operand, in a variable, after the check that it may be accessed.</summary>
    private Location Access(in Instruction i, int size, bool write)
    {
        if (_options.Frames && i is { MemoryBase: Register.RSP, MemoryIndex: Register.None } && i.MemorySegment is not (Register.FS or Register.GS))
        {
            var onStack = StackAt((long)i.MemoryDisplacement64);
            Check(onStack, size, write);
            return onStack;
        }
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
        var location = new Location(address);
        Check(location, size, write, anywhere: size > 1 && IsAnywhere(i, size));
        return location;
    }

    // Sums of an address and a number of bytes.
    private bool IsAnywhere(in Instruction i, int size)
    {
        if (i.MemoryIndex != Register.None)
            return i.MemoryIndexScale < size;
        _sums ??= FindSums();
        return Liveness.Number(i.MemoryBase) is >= 0 and var number && (_sums.Value >> number & 1) != 0;
    }

    // Registers that hold such a sum somewhere in the region.
    private uint FindSums()
    {
        var sums = 0u;
        foreach (ref var i in _region.Instructions.AsSpan())
        {
            if (i.Mnemonic == Mnemonic.Lea && i.MemoryIndex != Register.None && i.MemoryIndexScale == 1 && i.MemoryBase != Register.None)
                sums |= 1u << Liveness.Number(i.Op0Register);
        }
        return sums;
    }

    /// <summary>Leaves to the interpreter unless all bytes lie in the window, in granules that are accessible as a whole.</summary>
    /// <param name="address">The address of the first.</param>
    /// <param name="size">How many.</param>
    /// <param name="write">Whether they are written.</param>
    /// <param name="anywhere">Whether the address is hardly a multiple of the size: then nothing is to be hoped for from a test of that.</param>
    private void Check(Location address, int size, bool write, bool anywhere = false)
    {
        var place = (Instruction: _index, Ordinal: _ordinal++);
        if (_plain != null)
        {
            if (!_plain.Covered.Contains(place) && !_plan.IsOfFrame(place)) // what else is checked together was not for this form
                CheckOne(Address(address), size, write, anywhere);
            return;
        }
        if (!_plan.Needs(place.Instruction, place.Ordinal, out var group))
            return;
        if (group != null)
            CheckGroup(address, group);
        else
            CheckOne(Address(address), size, write, anywhere);
    }

    private void CheckOne(LocalBuilder address, int size, bool write, bool anywhere, bool ofStack = false)
    {
        var exit = ExitHere();
        var granule = Granule(address, exit);
        CompareShadow(granule, 0, 1, write, exit, numbered: true);
        if (size == 1)
            return;
        if (anywhere)
        {
            CheckGranule(address, size - 1, write, exit);
            return;
        }
        var (start, back) = (_il.DefineLabel(), _il.DefineLabel());
        BranchIfUnaligned(address, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size), ofStack ? exit : start);
        if (ofStack)
            return;
        _il.MarkLabel(back);
        _crossings.Add(new Crossing(start, back, address, new() { [size - 1] = write }, exit));
    }

    private void BranchIfUnaligned(LocalBuilder address, int to, Label label)
    {
        LoadLocal(address);
        _il.Emit(OpCodes.Conv_I4);
        LoadInt(to - 1);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Brtrue, label);
    }

    /// <summary>The number of the granule that holds an address, in a variable, after the check that it is in the window.</summary>
    private LocalBuilder Granule(LocalBuilder address, Label exit)
    {
        var granule = Temporary();
        LoadLocal(address);
        LoadInt(3);
        _il.Emit(OpCodes.Shr);
        StoreLocal(granule);
        LoadLocal(granule);
        LoadConstant(GuestMemory.FirstGranule);
        _il.Emit(OpCodes.Blt_Un, exit);
        return granule;
    }

    // All that will be accessed, from the lowest byte on; granule by granule if that is aligned.
    private void CheckGroup(Location address, AccessPlan.Group group)
    {
        var first = group.Members.Min(m => m.Offset);
        var size = group.Members.Max(m => m.Offset + m.Size) - first;
        if (size <= 8)
        {
            var anywhere = group.Members.TrueForAll(m => m.Size < Math.Min(size, 4)); // bytes next to each other
            CheckOne(Address(address.Moved(first - group.Leader.Offset)), (int)size, group.Members.Exists(m => m.Write), anywhere, group.OfStack);
            return;
        }
        var exit = ExitHere();
        var lowest = Lowest(group);
        var (start, back, shadow) = (_il.DefineLabel(), _il.DefineLabel(), Temporary());
        var from = Address(address.Moved(lowest - group.Leader.Offset));
        var granule = Granule(from, exit);
        BranchIfUnaligned(from, 8, group.OfStack ? exit : start);
        LoadLocal(granule);
        ShadowOfGranule();
        StoreLocal(shadow);
        var granules = new SortedDictionary<long, bool>();
        var pieces = new SortedDictionary<int, bool>();
        foreach (var member in group.Members)
        {
            var (begin, last) = (member.Offset - lowest, member.Offset - lowest + member.Size - 1);
            for (var g = begin >> 3; g <= last >> 3; g++)
                granules[g] = member.Write || granules.GetValueOrDefault(g);
            pieces[(int)begin] = member.Write || pieces.GetValueOrDefault((int)begin);
            pieces[(int)last] = member.Write || pieces.GetValueOrDefault((int)last);
        }
        CheckGranules(shadow, granules, exit);
        if (group.OfStack)
            return;
        _il.MarkLabel(back);
        _crossings.Add(new Crossing(start, back, from, pieces, exit));
    }

    private LocalBuilder Address(Location location)
    {
        if (location.Distance == 0)
            return location.From;
        var address = Temporary();
        LoadLocation(location);
        StoreLocal(address);
        return address;
    }

    private void LoadLocation(Location location)
    {
        LoadLocal(location.From);
        AddConstant(location.Distance);
    }

    // Where the group's granules begin if its widest members are aligned.
    private static long Lowest(AccessPlan.Group group)
    {
        var (least, aligned) = (long.MaxValue, 0L);
        var widest = 0;
        foreach (var member in group.Members)
        {
            least = Math.Min(least, member.Offset);
            if (member.Size > widest)
                (widest, aligned) = (member.Size, member.Offset & 7);
        }
        if (widest < 8)
            aligned = 0;
        return ((least - aligned) & ~7L) + aligned;
    }

    // Neighbours that are written are compared several at once.
    private void CheckGranules(LocalBuilder shadow, SortedDictionary<long, bool> granules, Label exit)
    {
        for (var left = new Queue<KeyValuePair<long, bool>>(granules); left.TryDequeue(out var granule);)
        {
            var (at, write) = granule;
            var width = 1;
            while (write && width < 4 && left.TryPeek(out var next) && next.Value && next.Key == at + width)
            {
                left.Dequeue();
                width++;
            }
            if (width == 3)
            {
                CompareShadow(shadow, at + 2, 1, write, exit);
                width = 2;
            }
            CompareShadow(shadow, at, width, write, exit);
        }
    }

    private void CompareShadow(LocalBuilder shadow, long at, int width, bool write, Label exit, bool numbered = false)
    {
        LoadLocal(shadow);
        if (numbered)
            ShadowOfGranule();
        if (at != 0)
        {
            LoadConstant(at);
            _il.Emit(OpCodes.Add);
        }
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(width switch
        {
            4 => OpCodes.Ldind_I4,
            2 => OpCodes.Ldind_U2,
            _ => write ? OpCodes.Ldind_U1 : OpCodes.Ldind_I1,
        });
        LoadInt((int)Shadow.Accessible * width switch
        {
            4 => 0x01010101,
            2 => 0x0101,
            _ => 1,
        });
        _il.Emit(write ? OpCodes.Bne_Un : OpCodes.Blt, exit);
    }

    // States above the accessible ones and below the poisoned ones do not exist, so signed comparison separates them.
    private void CheckGranule(LocalBuilder address, int further, bool write, Label exit)
    {
        LoadLocal(address);
        LoadConstant(further); // over the end of the address space the shadow says unmapped
        _il.Emit(OpCodes.Add);
        LoadInt(3);
        _il.Emit(OpCodes.Shr);
        ShadowOfGranule();
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(write ? OpCodes.Ldind_U1 : OpCodes.Ldind_I1);
        LoadInt((int)Shadow.Accessible);
        _il.Emit(write ? OpCodes.Bne_Un : OpCodes.Blt, exit);
    }

    // What is not aligned may reach into the next granule. Out of the way.
    private void EmitCrossings()
    {
        foreach (var crossing in _crossings)
        {
            _il.MarkLabel(crossing.Start);
            foreach (var (further, write) in crossing.Pieces)
            {
                CheckGranule(crossing.Address, further, write, crossing.Exit);
            }
            _il.Emit(OpCodes.Br, crossing.Back);
        }
    }

    private void LoadMemory(Location address, int size, bool signed = false)
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

    private void LoadHostAddress(Location address)
    {
        LoadLocal(_anchor);
        LoadLocal(address.From);
        _il.Emit(OpCodes.Add);
        AddConstant(GuestMemory.WindowFromAnchor + address.Distance);
        _il.Emit(OpCodes.Conv_I);
    }

    private void StoreIndirect(int size) => _il.Emit(size switch
    {
        1 => OpCodes.Stind_I1,
        2 => OpCodes.Stind_I2,
        4 => OpCodes.Stind_I4,
        _ => OpCodes.Stind_I8,
    });
}
