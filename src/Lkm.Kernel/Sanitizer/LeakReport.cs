using System.Globalization;
using System.Text;

namespace Lkm.Kernel.Sanitizer;

/// <summary>An allocation that nothing points to any more.</summary>
/// <param name="Address">Its first byte.</param>
/// <param name="Size">Bytes asked for.</param>
/// <param name="Jiffies">jiffies at the allocation; 0 where unknown.</param>
/// <param name="Allocated">Who allocated it.</param>
/// <param name="FirstBytes">Its first bytes, at most 32.</param>
public sealed record LeakedObject(ulong Address, ulong Size, ulong Jiffies, AllocationTrack Allocated, IReadOnlyList<byte> FirstBytes);

/// <summary>Writes leaks as kmemleak does (mm/kmemleak.c, print_unreferenced()).</summary>
public static class LeakReport
{
    private const int RowBytes = 16;

    /// <summary>The lines for one object.</summary>
    /// <param name="leak">The object.</param>
    /// <param name="symbolise">An address as "%pS" prints it.</param>
    public static IEnumerable<string> Format(LeakedObject leak, Func<ulong, string> symbolise)
    {
        yield return $"unreferenced object 0x{leak.Address:x8} (size {leak.Size}):";
        yield return $"  comm \"{leak.Allocated.Comm}\", pid {leak.Allocated.Pid}, jiffies {leak.Jiffies}";
        yield return $"  hex dump (first {leak.FirstBytes.Count} bytes):";
        for (var at = 0; at < leak.FirstBytes.Count; at += RowBytes)
            yield return "    " + HexRow(leak.FirstBytes, at);
        yield return "  backtrace:";
        foreach (var frame in leak.Allocated.Frames)
            yield return $"    [<{frame:x16}>] {symbolise(frame)}";
    }

    // hex_dump_to_buffer() with groups of one byte and the characters beside them
    private static string HexRow(IReadOnlyList<byte> bytes, int start)
    {
        var text = new StringBuilder();
        var count = Math.Min(RowBytes, bytes.Count - start);
        for (var i = 0; i < count; i++)
            text.Append(CultureInfo.InvariantCulture, $"{bytes[start + i]:x2} ");
        text.Append(' ', (RowBytes * 3) + 1 - text.Length);
        for (var i = 0; i < count; i++)
            text.Append(bytes[start + i] is >= 0x20 and < 0x7f and var c ? (char)c : '.');
        return text.ToString();
    }
}
