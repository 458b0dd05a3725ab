using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Lkm.Formats.Kallsyms;

/// <summary>
/// Decodes the addresses of kallsyms. They stand before the names (Linux before 6.4) or behind the token index. They are
/// absolute (without CONFIG_KALLSYMS_BASE_RELATIVE), relative to a base, or relative to their own places (Linux 7). Addresses
/// ascend: the reading that makes them ascend is the right one.
/// </summary>
internal static class KallsymsAddresses
{
    /// <summary>Kernel addresses are the upper half of the address space.</summary>
    private const ulong KernelHalf = 0xffff_8000_0000_0000;

    /// <summary>The addresses in symbol order, or null when no reading fits.</summary>
    /// <param name="bytes">The bytes that were searched.</param>
    /// <param name="countAt">Offset of kallsyms_num_syms.</param>
    /// <param name="tokensEnd">End of kallsyms_token_index.</param>
    /// <param name="count">Number of symbols.</param>
    /// <param name="bytesAddress">Address of <paramref name="bytes"/>.</param>
    public static ulong[]? Decode(ReadOnlySpan<byte> bytes, int countAt, int tokensEnd, int count, ulong bytesAddress)
    {
        foreach (int alignment in (ReadOnlySpan<int>)[8, 4])
        {
            int offsetsSize = KallsymsLocator.Align(count * 4, alignment);
            int behind = KallsymsLocator.Align(tokensEnd, alignment);
            ulong[]? addresses = TryRelative(bytes, countAt - 8 - offsetsSize, countAt - 8, count)
                ?? TryRelative(bytes, behind, behind + offsetsSize, count)
                ?? TryPlaceRelative(bytes, behind, count, bytesAddress)
                ?? TryAbsolute(bytes, countAt - count * 8L, count)
                ?? TryAbsolute(bytes, behind, count);
            if (addresses is not null)
                return addresses;
        }

        return null;
    }

    private static ulong[]? TryRelative(ReadOnlySpan<byte> bytes, int offsetsAt, int baseAt, int count)
    {
        if (offsetsAt < 0 || baseAt + 8L > bytes.Length)
            return null;
        ulong relativeBase = BinaryPrimitives.ReadUInt64LittleEndian(bytes[baseAt..]);
        if (relativeBase < KernelHalf)
            return null;
        ReadOnlySpan<int> offsets = MemoryMarshal.Cast<byte, int>(bytes.Slice(offsetsAt, count * 4));

        // CONFIG_KALLSYMS_ABSOLUTE_PERCPU: values from 0 are absolute, the others are counted down from the base. The last
        // symbol is never a per-CPU one.
        ulong[]? addresses = offsets[^1] < 0
            ? Ascending(offsets, (offset, _) => offset >= 0 ? (ulong)offset : unchecked(relativeBase - 1 - (ulong)offset))
            : null;
        return addresses ?? Ascending(offsets, (offset, _) => unchecked(relativeBase + (uint)offset));
    }

    private static ulong[]? TryPlaceRelative(ReadOnlySpan<byte> bytes, int offsetsAt, int count, ulong bytesAddress)
    {
        if (offsetsAt + count * 4L > bytes.Length)
            return null;
        ReadOnlySpan<int> offsets = MemoryMarshal.Cast<byte, int>(bytes.Slice(offsetsAt, count * 4));
        return Ascending(offsets, (offset, i) => unchecked(bytesAddress + (ulong)offsetsAt + (ulong)i * 4 + (ulong)offset));
    }

    private static ulong[]? TryAbsolute(ReadOnlySpan<byte> bytes, long addressesAt, int count)
    {
        if (addressesAt < 0 || addressesAt + count * 8L > bytes.Length)
            return null;
        ReadOnlySpan<ulong> addresses = MemoryMarshal.Cast<byte, ulong>(bytes.Slice((int)addressesAt, count * 8));
        return addresses[^1] >= KernelHalf ? Ascending(addresses, (address, _) => address) : null;
    }

    private static ulong[]? Ascending<T>(ReadOnlySpan<T> raw, Func<T, int, ulong> decode)
    {
        var addresses = new ulong[raw.Length];
        ulong last = 0;
        for (int i = 0; i < raw.Length; i++)
        {
            ulong address = decode(raw[i], i);
            if (address < last)
                return null;
            addresses[i] = last = address;
        }

        return addresses;
    }
}
