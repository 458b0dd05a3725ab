using System.Text;

namespace Lkm.Kernel.Sanitizer;

/// <summary>
/// Writes a memory error as KASAN does (mm/kasan/report.c of 6.1), so that tools which read such reports read these. One difference is
/// meant: the region is the object as it was asked for, as KASAN has it from 6.4 on, and not the slot of the cache.
/// </summary>
public static class KasanReport
{
    private const int RowBytes = 16;
    private const ulong RowSpan = RowBytes * 8;
    private const string Bar = "==================================================================";

    /// <summary>The report's lines, as they go to the kernel log.</summary>
    /// <param name="report">The error.</param>
    /// <param name="symbolise">An address as "%pS" prints it.</param>
    /// <param name="stackDump">The lines of dump_stack(): the task, the machine and the call trace.</param>
    public static IEnumerable<string> Format(MemoryErrorReport report, Func<ulong, string> symbolise, IEnumerable<string> stackDump)
    {
        yield return Bar;
        yield return $"BUG: KASAN: {report.Kind.Name()} in {symbolise(report.InstructionPointer)}";
        yield return report.IsFree
            ? $"Free of addr {report.Address:x16} by task {report.Comm}/{report.Pid}"
            : $"{(report.IsWrite ? "Write" : "Read")} of size {report.Size} at addr {report.Address:x16} by task {report.Comm}/{report.Pid}";
        yield return "";
        foreach (var line in stackDump)
            yield return line;
        if (report.MemoryStateStart != 0)
        {
            yield return "";
            foreach (var line in DescribeAddress(report, symbolise))
                yield return line;
            foreach (var line in MemoryState(report))
                yield return line;
        }

        yield return Bar;
    }

    private static IEnumerable<string> DescribeAddress(MemoryErrorReport report, Func<ulong, string> symbolise)
    {
        if (report.Object is { } o)
        {
            foreach (var line in DescribeObject(o, report.Address, symbolise))
                yield return line;
            yield return "";
        }

        if (report.IsVariable)
        {
            yield return "The buggy address belongs to the variable:";
            yield return $" {symbolise(report.Address)}";
            yield return "";
        }

        if (report.Vmalloc is { } area)
        {
            yield return $"The buggy address belongs to a {area.Pages}-page vmalloc region starting at 0x{area.Start:x}"
                + $" allocated at {symbolise(area.Caller)}";
        }

        else if (report.IsVmallocSpace)
        {
            yield return "The buggy address belongs to a vmalloc virtual mapping";
        }

        if (report.Page is { } page)
        {
            yield return "The buggy address belongs to the physical page:";
            foreach (var line in DumpPage(page))
                yield return line;
            yield return "";
        }
    }

    private static IEnumerable<string> DescribeObject(ObjectDescription o, ulong address, Func<ulong, string> symbolise)
    {
        foreach (var (track, verb) in new[] { (o.Allocated, "Allocated"), (o.Freed, "Freed") })
        {
            if (track is null)
                continue;
            yield return $"{verb} by task {track.Pid}:";
            foreach (var frame in track.Frames)
                yield return $" {symbolise(frame)}";
            yield return "";
        }

        if (o.CacheName is { } cache)
        {
            yield return $"The buggy address belongs to the object at {o.Address:x16}";
            yield return $" which belongs to the cache {cache} of size {o.CacheObjectSize}";
        }

        var end = o.Address + o.Size;
        var (bytes, where) =
            address < o.Address ? (o.Address - address, "to the left")
            : address >= end ? (address - end, "to the right")
            : (address - o.Address, "inside");
        yield return $"The buggy address is located {bytes} bytes {where} of";
        yield return $" {o.Size}-byte region [{o.Address:x16}, {end:x16})";
    }

    private static IEnumerable<string> DumpPage(PageDescription page)
    {
        yield return $"page:{page.StructPage:x16} refcount:{page.References} mapcount:0 mapping:{page.Mapping:x16}"
            + $" index:0x{page.Index:x} pfn:0x{page.Frame:x}";
        yield return $"flags: 0x{page.Flags:x}({page.FlagNames})";
        for (var i = 0; i < page.Raw.Count; i += 4)
            yield return $"raw: {page.Raw[i]:x16} {page.Raw[i + 1]:x16} {page.Raw[i + 2]:x16} {page.Raw[i + 3]:x16}";
        yield return "page dumped because: kasan: bad access detected";
    }

    private static IEnumerable<string> MemoryState(MemoryErrorReport report)
    {
        yield return "Memory state around the buggy address:";
        var text = new StringBuilder();
        for (var row = 0; row < report.MemoryState.Count / RowBytes; row++)
        {
            var address = report.MemoryStateStart + ((ulong)row * RowSpan);
            var isGuilty = report.FirstBadAddress >= address && report.FirstBadAddress - address < RowSpan;
            text.Clear().Append(isGuilty ? '>' : ' ').Append($"{address:x16}:");
            for (var i = 0; i < RowBytes; i++)
                text.Append($" {report.MemoryState[(row * RowBytes) + i]:x2}");
            yield return text.ToString();
            if (isGuilty)
            {
                const int prefix = 3 + 16; // ">", the address, ": "
                var column = prefix + ((int)((report.FirstBadAddress - address) / 8) * 3) + 1;
                yield return "^".PadLeft(column);
            }
        }
    }
}
