using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lkm.Machine;

/// <summary>Operations of <see cref="Handlers.StringOf"/>.</summary>
internal enum StringOperation : byte
{
    Move, Store, Load, Compare, Scan, In, Out,
}

// String instructions. A fault in a repetition leaves the registers as far as it got, RIP at the instruction.
internal static unsafe partial class Handlers
{
    internal const ulong Repeat = 1, RepeatNotEqual = 2;

    internal static Handler StringOf => &StringOp;

    // Imm: the repeat prefix; B: the segment base to add to the source.
    private static nint StringOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!StringStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool StringStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var operation = (StringOperation)o->Info.Select;
        var step = (c->SystemFlags & Flags.Direction) != 0 ? 0 - (ulong)size : (ulong)size;
        var repeat = o->Imm;
        ref var count = ref c->Gpr[CpuRecord.Rcx];
        if (repeat != 0)
        {
            if (operation is StringOperation.Move or StringOperation.Store)
                Bulk(o, c, operation, size, step, m, sh);
            if (count == 0)
                goto done;
        }
        do
        {
            if (!StringElement(o, c, operation, size, step, m, sh))
                return false;
            if (repeat == 0)
                break;
            count--;
            if (operation is StringOperation.Move or StringOperation.Store && (c->Gpr[CpuRecord.Rdi] < GuestMemory.WindowStart || c->Gpr[CpuRecord.Rsi] < GuestMemory.WindowStart))
                Bulk(o, c, operation, size, step, m, sh); // an element of the user half's next page was reached
            if (operation is StringOperation.Compare or StringOperation.Scan && Flags.Test(c, 4) != (repeat == Repeat))
                break;
        }
        while (count != 0);
    done:
        return true;
    }

    private static bool StringElement(Op* o, CpuRecord* c, StringOperation operation, int size, ulong step, byte* m, byte* sh)
    {
        ref var source = ref c->Gpr[CpuRecord.Rsi];
        ref var destination = ref c->Gpr[CpuRecord.Rdi];
        var width = (uint)size << 4;
        ulong a = 0;
        if (operation is StringOperation.Move or StringOperation.Load or StringOperation.Compare or StringOperation.Out)
        {
            var p = Access(c, source + c->Gpr[o->B], size, false, m, sh);
            if (p == null)
                return false;
            a = Get(p, size);
        }
        switch (operation)
        {
            case StringOperation.Load:
                SetRegister(c, CpuRecord.Rax, size, false, a);
                source += step;
                return true;
            case StringOperation.Out:
                Charged(o, c).Environment.Out((ushort)c->Gpr[CpuRecord.Rdx], size, (uint)a);
                Uncharge(o, c);
                source += step;
                return true;
        }
        var writes = operation is StringOperation.Move or StringOperation.Store or StringOperation.In;
        var to = Access(c, destination, size, writes, m, sh);
        if (to == null)
            return false;
        switch (operation)
        {
            case StringOperation.Move:
                Put(to, size, a);
                source += step;
                break;
            case StringOperation.Store:
                Put(to, size, c->Gpr[CpuRecord.Rax]);
                break;
            case StringOperation.In:
                Put(to, size, Charged(o, c).Environment.In((ushort)c->Gpr[CpuRecord.Rdx], size));
                Uncharge(o, c);
                break;
            case StringOperation.Compare:
                Flags.Set(c, Flags.Sub | width, a, Get(to, size));
                source += step;
                break;
            default:
                Flags.Set(c, Flags.Sub | width, c->Gpr[CpuRecord.Rax], Get(to, size));
                break;
        }
        Commit(c);
        destination += step;
        return true;
    }

    // As many elements at once as can plainly be reached, upwards; the rest goes one by one.
    private static void Bulk(Op* o, CpuRecord* c, StringOperation operation, int size, ulong step, byte* m, byte* sh)
    {
        var count = c->Gpr[CpuRecord.Rcx];
        var to = c->Gpr[CpuRecord.Rdi];
        if ((long)step < 0 || count < 2)
            return;
        count = Reach(c, ref to, count, size, sh, write: true);
        if (operation == StringOperation.Move)
        {
            var from = c->Gpr[CpuRecord.Rsi] + c->Gpr[o->B];
            count = Reach(c, ref from, count, size, sh, write: false);
            if (count == 0 || (to - from < count * (uint)size && to != from)) // overlaps: repeats a pattern
                return;
            Buffer.MemoryCopy(m + from, m + to, count * (uint)size, count * (uint)size);
            c->Gpr[CpuRecord.Rsi] += count * (uint)size;
        }
        else
        {
            Fill(m + to, size, count, c->Gpr[CpuRecord.Rax]);
        }
        if (count != 0 && c->Gpr[CpuRecord.Rdi] < GuestMemory.WindowStart)
            c->Cpu.WritingCode(to, (int)(count * (uint)size));
        c->Gpr[CpuRecord.Rdi] += count * (uint)size;
        c->Gpr[CpuRecord.Rcx] -= count;
    }

    // How many elements from an address on can plainly be reached: in the window as far as the shadow allows it; in the user half, whose address becomes the
    // window's, to the end of the page.
    private static ulong Reach(CpuRecord* c, ref ulong address, ulong count, int size, byte* sh, bool write)
    {
        if (address >= GuestMemory.WindowStart)
            return Math.Min(count, Plain(address, count, size, sh, write));
        if ((long)address < 0 || !Mmu.IsCanonical(address) || !c->Cpu.Mmu.Translate(address, write, fetch: false, out address, out _))
            return 0;
        return Math.Min(count, (GuestMemory.PageSize - (address & (GuestMemory.PageSize - 1))) / (uint)size);
    }

    private static void Fill(byte* to, int size, ulong count, ulong value)
    {
        const int Piece = 1 << 28;
        if (value == 0 || size == 1) // nearly always; Span.Fill would be compiled at run time, for each type of element
        {
            HostMemory.Set(to, count * (uint)size, (byte)value);
            return;
        }
        for (; count > 0;)
        {
            var now = (int)Math.Min(count, Piece);
            switch (size)
            {
                case 2: new Span<ushort>(to, now).Fill((ushort)value); break;
                case 4: new Span<uint>(to, now).Fill((uint)value); break;
                default: new Span<ulong>(to, now).Fill(value); break;
            }
            to += (long)now * size;
            count -= (ulong)now;
        }
    }

    /// <summary>How many elements from an address on lie in granules that are accessible as a whole.</summary>
    private static ulong Plain(ulong address, ulong count, int size, byte* sh, bool write)
    {
        var granules = (0 - address + 7) / 8;
        if (count < granules * 8 / (uint)size)
            granules = ((address & 7) + count * (uint)size + 7) / 8;
        ulong good = 0;
        while (good < granules)
        {
            var states = new ReadOnlySpan<byte>(sh + GuestMemory.GranuleOf(address) + good, (int)Math.Min(granules - good, 1 << 28));
            var bad = write ? states.IndexOfAnyExcept((byte)Shadow.Accessible)
                : states.IndexOfAnyExceptInRange((byte)Shadow.Accessible, (byte)Shadow.ReadOnlyCode);
            if (bad < 0)
            {
                good += (uint)states.Length;
                continue;
            }
            good += (uint)bad;
            break;
        }
        return good == 0 ? 0 : Math.Min(count, (good * 8 - (address & 7)) / (uint)size);
    }
}
