using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// Every access of the guest to memory that is not plainly allowed comes through Access.
internal static unsafe partial class Handlers
{
    /// <summary>The address of an op's memory operand, whatever its form.</summary>
    private static ulong Address(Op* o, CpuRecord* c)
    {
        var flags = o->Info.Flags;
        var address = c->Gpr[o->B] + (c->Gpr[o->X] << o->Scale) + (ulong)o->Disp;
        if ((flags & (OpFlags.Address32 | OpFlags.FsBase | OpFlags.GsBase)) != 0)
            address = UnusualAddress(c, flags, address);
        return address;
    }

    private static ulong UnusualAddress(CpuRecord* c, OpFlags flags, ulong address)
    {
        if ((flags & OpFlags.Address32) != 0)
            address = (uint)address;
        if ((flags & OpFlags.FsBase) != 0)
            address += c->Gpr[CpuRecord.Fs];
        if ((flags & OpFlags.GsBase) != 0)
            address += c->Gpr[CpuRecord.Gs];
        return address;
    }

    /// <summary>
    /// Makes guest memory accessible: a host pointer to the bytes, or null with the exit described. What is written through the
    /// pointer counts after <see cref="Commit"/>.
    /// </summary>
    private static byte* Access(CpuRecord* c, ulong address, int size, bool write, byte* m, byte* sh)
    {
        var last = address + (uint)(size - 1);
        if (address < GuestMemory.WindowStart || last < address)
            return AccessOutside(c, address, size, write, m);
        if (size <= 9 && sh[GuestMemory.GranuleOf(address)] == (byte)Shadow.Accessible && sh[GuestMemory.GranuleOf(last)] == (byte)Shadow.Accessible)
            return m + address;
        if (!write && size <= 9 && IsReadable(sh, address) && IsReadable(sh, last))
            return m + address;
        return AccessChecked(c, address, size, write, m);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Commit(CpuRecord* c)
    {
        if (c->BounceSize != 0)
            WriteBack(c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsReadable(byte* sh, ulong address) => (sbyte)sh[GuestMemory.GranuleOf(address)] >= (sbyte)Shadow.Accessible; // poison is negative

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* AccessChecked(CpuRecord* c, ulong address, int size, bool write, byte* m)
    {
        var memory = c->Cpu.Memory;
        if (memory.IsWatched(address, (ulong)size) && c->IgnoreShadow == 0)
        {
            PageFault(c, address, size, write, PageFaultError.Present, (byte)Shadow.Watched);
            return null;
        }
        if (!memory.IsAccessible(address, (ulong)size, write, out var bad) && c->IgnoreShadow == 0)
        {
            const ulong writeProtect = 1UL << 16; // CR0.WP
            var state = memory.ShadowAt(bad);
            var isReadOnly = state is Shadow.ReadOnly or Shadow.ReadOnlyCode;
            if (write && isReadOnly && (c->Cr0 & writeProtect) == 0 && memory.IsAccessible(address, (ulong)size, write: false, out _))
                return Written(c, address, size, m);
            if (write && isReadOnly && c->Cpu.Environment.MakeWritable(bad))
                return AccessChecked(c, address, size, write, m);
            var present = isReadOnly ? PageFaultError.Present : 0;
            var samePage = (bad ^ address) < GuestMemory.PageSize;
            PageFault(c, samePage ? address : bad, size, write, present, (byte)state);
            return null;
        }
        return write ? Written(c, address, size, m) : m + address;
    }

    private static byte* Written(CpuRecord* c, ulong address, int size, byte* m)
    {
        c->Cpu.WritingCode(address, size);
        return m + address;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* AccessOutside(CpuRecord* c, ulong address, int size, bool write, byte* m)
    {
        var last = address + (uint)(size - 1);
        if (!Mmu.IsCanonical(address) || !Mmu.IsCanonical(last))
        {
            SetExit(c, CpuExitKind.Exception, CpuVector.GeneralProtection, 0, address);
            c->ExitSize = size;
            c->ExitWrite = write ? (byte)1 : (byte)0;
            return null;
        }
        if ((long)address < 0 || last < address) // the kernel's half below the window, or over the end of the address space
        {
            PageFault(c, address >= GuestMemory.WindowStart ? 0 : address, size, write, 0, 0);
            return null;
        }
        if (!Translate(c, address, size, write, out var low))
            return null;
        if ((address >> 12) == (last >> 12))
        {
            if (write)
                c->Cpu.WritingCode(low, size);
            return m + low;
        }
        if (!Translate(c, last & ~0xFFFUL, size, write, out var high))
            return null;
        var first = (int)(4096 - (address & 4095));
        var bounce = (byte*)&c->Bounce0;
        new Span<byte>(m + low, first).CopyTo(new Span<byte>(bounce, first));
        new Span<byte>(m + high, size - first).CopyTo(new Span<byte>(bounce + first, size - first));
        if (write)
        {
            c->Cpu.WritingCode(low, first);
            c->Cpu.WritingCode(high, size - first);
            c->BounceSize = size;
            c->BounceFirst = first;
            c->BounceLow = m + low;
            c->BounceHigh = m + high;
        }
        return bounce;
    }

    private static bool Translate(CpuRecord* c, ulong address, int size, bool write, out ulong translated)
    {
        if (c->Cpu.Mmu.Translate(address, write, fetch: false, out translated, out var error))
            return true;
        PageFault(c, address, size, write, error, 0);
        return false;
    }

    private static void PageFault(CpuRecord* c, ulong address, int size, bool write, PageFaultError error, byte shadow)
    {
        SetExit(c, CpuExitKind.Exception, CpuVector.PageFault, (uint)(error | (write ? PageFaultError.Write : 0)), address);
        c->ExitSize = size;
        c->ExitWrite = write ? (byte)1 : (byte)0;
        c->ExitShadow = shadow;
        c->Cr2 = address;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteBack(CpuRecord* c)
    {
        var bounce = (byte*)&c->Bounce0;
        new Span<byte>(bounce, c->BounceFirst).CopyTo(new Span<byte>(c->BounceLow, c->BounceFirst));
        var rest = c->BounceSize - c->BounceFirst;
        new Span<byte>(bounce + c->BounceFirst, rest).CopyTo(new Span<byte>(c->BounceHigh, rest));
        c->BounceSize = 0;
    }

    private static ulong Get(byte* p, int size) => size switch
    {
        1 => *p,
        2 => Unsafe.ReadUnaligned<ushort>(p),
        4 => Unsafe.ReadUnaligned<uint>(p),
        _ => Unsafe.ReadUnaligned<ulong>(p),
    };

    private static void Put(byte* p, int size, ulong value)
    {
        switch (size)
        {
            case 1: *p = (byte)value; break;
            case 2: Unsafe.WriteUnaligned(p, (ushort)value); break;
            case 4: Unsafe.WriteUnaligned(p, (uint)value); break;
            default: Unsafe.WriteUnaligned(p, value); break;
        }
    }

    private static ulong GetRegister(CpuRecord* c, int register, int size, bool high)
    {
        var value = c->Gpr[register];
        return size switch
        {
            1 => (byte)(high ? value >> 8 : value),
            2 => (ushort)value,
            4 => (uint)value,
            _ => value,
        };
    }

    private static void SetRegister(CpuRecord* c, int register, int size, bool high, ulong value)
    {
        ref var to = ref c->Gpr[register];
        to = size switch
        {
            1 => high ? (to & ~0xFF00UL) | ((ulong)(byte)value << 8) : (to & ~0xFFUL) | (byte)value,
            2 => (to & ~0xFFFFUL) | (ushort)value,
            4 => (uint)value,
            _ => value,
        };
    }

    private static ulong Truncate(ulong value, int size) => size == 8 ? value : value & ((1UL << (8 * size)) - 1);

    private static long SignExtend(ulong value, int size) => (long)(value << (64 - 8 * size)) >> (64 - 8 * size);
}
