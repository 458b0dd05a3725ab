using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lkm.Machine;

/// <summary>
/// Which pages of this process the host has memory for, run by run (<c>proc_pid_pagemap(5)</c>): asked with one PAGEMAP_SCAN where the host is Linux 6.7 or
/// later, since most of a guest's memory was never touched, and read word by word elsewhere.
/// </summary>
internal sealed unsafe class HostPageMap : IDisposable
{
    private const ulong IsFile = 1 << 2, IsPresent = 1 << 3, IsSwapped = 1 << 4; // PAGE_IS_*
    private const nuint ScanCommand = 0xC060_6610; // PAGEMAP_SCAN: _IOWR('f', 16, struct pm_scan_arg)
    private const int RegionsAtOnce = 256, EntriesAtOnce = 2048;

    /// <summary>struct pm_scan_arg.</summary>
    private struct ScanArgument
    {
        internal ulong Size, Flags, Start, End, WalkEnd, Regions, RegionCount, MaximumPages, InvertedCategories, WantedCategories, AnyCategories, ReturnedCategories;
    }

    /// <summary>struct page_region.</summary>
    private struct Region
    {
        internal ulong Start, End, Categories;
    }

    private readonly SafeFileHandle _file = HostMemory.Open("/proc/self/pagemap");
    private readonly Region[] _regions = new Region[RegionsAtOnce];
    private readonly ulong _end;
    private ulong[]? _entries; // where the host cannot scan
    private ulong _at;
    private int _given, _known;

    /// <summary>Begins.</summary>
    /// <param name="start">The first page.</param>
    /// <param name="size">Bytes, whole pages.</param>
    /// <param name="scan">False to read word by word.</param>
    internal HostPageMap(byte* start, ulong size, bool scan = true)
    {
        (_at, _end) = ((ulong)start, (ulong)start + size);
        if (!scan)
            _entries = new ulong[EntriesAtOnce];
    }

    /// <summary>The next run of pages that are in memory or swapped out, all alike.</summary>
    /// <param name="start">The first.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="isOfFile">Whether they are a file's own, or shared: nothing was written to a private one.</param>
    /// <returns>False when there are no more.</returns>
    internal bool Next(out byte* start, out ulong size, out bool isOfFile)
    {
        while (_given == _known && _at < _end)
        {
            (_given, _known) = (0, 0);
            if (_entries is not null || !Scan())
                Read();
        }

        var found = _given < _known;
        var region = found ? _regions[_given++] : default;
        start = (byte*)region.Start;
        size = region.End - region.Start;
        isOfFile = (region.Categories & IsFile) != 0;
        return found;
    }

    private bool Scan()
    {
        fixed (Region* regions = _regions)
        {
            var argument = new ScanArgument
            {
                Size = (ulong)sizeof(ScanArgument),
                Start = _at,
                End = _end,
                Regions = (ulong)regions,
                RegionCount = RegionsAtOnce,
                AnyCategories = IsPresent | IsSwapped,
                ReturnedCategories = IsFile,
            };
            _known = HostMemory.Control((int)_file.DangerousGetHandle(), ScanCommand, &argument);
            if (_known >= 0)
            {
                _at = argument.WalkEnd;
                return true;
            }
        }

        _known = 0;
        _entries = new ulong[EntriesAtOnce];
        return false;
    }

    private void Read()
    {
        const ulong entryIsFile = 1UL << 61, entryIsThere = 3UL << 62;
        var entries = _entries.AsSpan(0, (int)Math.Min(EntriesAtOnce, (_end - _at) / HostMemory.PageSize));
        var bytes = MemoryMarshal.AsBytes(entries);
        if (RandomAccess.Read(_file, bytes, (long)(_at / HostMemory.PageSize * sizeof(ulong))) != bytes.Length)
            throw new IOException("/proc/self/pagemap: short read");
        foreach (var entry in entries)
        {
            if ((entry & entryIsThere) != 0)
            {
                if (_known == RegionsAtOnce)
                    return; // the rest is read again
                var categories = (entry & entryIsFile) != 0 ? IsFile : 0;
                if (_known > 0 && _regions[_known - 1].End == _at && _regions[_known - 1].Categories == categories)
                    _regions[_known - 1].End += HostMemory.PageSize;
                else
                    _regions[_known++] = new Region { Start = _at, End = _at + HostMemory.PageSize, Categories = categories };
            }
            _at += HostMemory.PageSize;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
