namespace Lkm.Machine;

/// <summary>Of one page of guest code: which decoded op starts at which byte, and the traces that start in it.</summary>
internal unsafe struct CodePage
{
    /// <summary>Index of the op, 0 for none.</summary>
    internal fixed uint Entry[4096];

    /// <summary>Index into the list of traces, 0 for none.</summary>
    internal int FirstTrace;
}

/// <summary>
/// Decoded instructions, found by address through two array accesses. A trace is a run of instructions that lie one after the
/// other; when its bytes change, each of its ops gets a handler that looks its address up again, so whoever still points at one
/// (a chained jump, the running trace itself) does the right thing. Memory of dead traces is reclaimed when all is.
/// </summary>
internal sealed unsafe class CodeCache : IDisposable
{
    /// <summary>A trace ends after so many instructions at the latest.</summary>
    internal const int LongestTrace = 48;

    private const ulong LongestTraceBytes = LongestTrace * 15;
    private const int MostPages = 3 << 10; // with code in them: 12 MiB of it, 48 MiB here
    private const uint Capacity = 1 << 20; // ops: 48 MiB
    private const int PagesReserve = 64; // of the pages, for what one trace or unit may touch
    private const int ManyTraces = 1 << 16;
    private const uint Reserve = 1 << 16; // of them, for what running traces need
    private const ulong PageCount = GuestMemory.WindowSize / GuestMemory.PageSize;

    private readonly GuestMemory _memory;
    private readonly CpuRecord* _record;
    private readonly CodePage* _pages;
    private readonly ulong[] _pageNumbers = new ulong[MostPages];
    private int _pageCount;
    private Trace[] _traces = new Trace[1024]; // the first is none
    private int _traceCount = 1;
    private uint _used = 1;

    private struct Trace(ulong start, ulong end, uint firstOp, int ops, int next)
    {
        internal ulong Start = start, End = end;
        internal uint FirstOp = firstOp;
        internal int Ops = ops;
        internal int Next = next;

        /// <summary>The unit that the bytes were translated for, if they are not those of decoded ops.</summary>
        internal int Unit;
    }

    /// <summary>Told of units whose bytes were changed.</summary>
    internal Action<int>? UnitChanged { get; set; }

    internal CodeCache(GuestMemory memory, CpuRecord* record)
    {
        _memory = memory;
        _record = record;
        record->CodePages = (CodePage**)HostMemory.Reserve(PageCount * (ulong)sizeof(CodePage*));
        _pages = (CodePage*)HostMemory.Reserve(MostPages * (ulong)sizeof(CodePage));
        record->Ops = (Op*)HostMemory.Reserve(Capacity * (ulong)sizeof(Op));
    }

    /// <summary>Whether the next trace may not fit: then everything is to be forgotten first.</summary>
    internal bool Full => _used > Capacity - Reserve || _pageCount > MostPages - PagesReserve;

    /// <summary>Where the next trace is to be written.</summary>
    internal Op* Cursor => _record->Ops + _used;

    /// <summary>Room for ops outside of traces; null if there is none until everything is forgotten.</summary>
    internal Op* Allocate(uint ops)
    {
        if (_used + ops > Capacity)
            return null;
        _used += ops;
        return _record->Ops + (_used - ops);
    }

    internal static Op* Find(CpuRecord* c, ulong rip)
    {
        if (rip < GuestMemory.WindowStart)
            return null;
        var page = c->CodePages[(rip - GuestMemory.WindowStart) >> 12];
        if (page == null)
            return null;
        var entry = page->Entry[rip & 4095];
        return entry == 0 ? null : c->Ops + entry;
    }

    /// <summary>Takes in the trace written at <see cref="Cursor"/>, which decodes the bytes from start to end.</summary>
    internal void Add(ulong start, ulong end, int ops, ReadOnlySpan<int> entries)
    {
        var page = PageOf(start);
        if (_traceCount == _traces.Length)
            Array.Resize(ref _traces, 2 * _traceCount);
        _traces[_traceCount] = new Trace(start, end, _used, ops, page->FirstTrace);
        page->FirstTrace = _traceCount++;
        foreach (var entry in entries)
        {
            var rip = _record->Ops[_used + (uint)entry].Rip;
            ref var slot = ref PageOf(rip)->Entry[rip & 4095];
            if (slot == 0)
                slot = _used + (uint)entry;
        }
        _used += (uint)ops;
        _memory.MarkCode(start, end - 1);
    }

    /// <summary>Watches bytes that a unit was translated from.</summary>
    internal void AddUnit(ulong start, ulong end, int unit)
    {
        for (var at = start; at < end; at += LongestTraceBytes)
        {
            var page = PageOf(at);
            if (_traceCount == _traces.Length)
                Array.Resize(ref _traces, 2 * _traceCount);
            _traces[_traceCount] = new Trace(at, Math.Min(end, at + LongestTraceBytes), 0, 0, page->FirstTrace) { Unit = unit };
            page->FirstTrace = _traceCount++;
        }
        _memory.MarkCode(start, end - 1);
    }

    /// <summary>Forgets the traces that decode any of these bytes.</summary>
    internal void Invalidate(ulong address, ulong size)
    {
        if (size == 0 || !GuestMemory.Contains(address, size))
            return;
        var last = address + (size - 1);
        var changed = false;
        for (var at = PageBefore(address, LongestTraceBytes); ; at += GuestMemory.PageSize)
        {
            changed |= InvalidateIn(at, address, last);
            if (last - at < GuestMemory.PageSize)
                break;
        }
        if (!changed)
            return;
        // A granule may hold parts of several: those that are left mark theirs again.
        var end = last > ulong.MaxValue - LongestTraceBytes ? ulong.MaxValue : last + LongestTraceBytes;
        for (var at = PageBefore(address, 2 * LongestTraceBytes); ; at += GuestMemory.PageSize)
        {
            var page = _record->CodePages[(at - GuestMemory.WindowStart) >> 12];
            for (var i = page == null ? 0 : page->FirstTrace; i != 0; i = _traces[i].Next)
                _memory.MarkCode(_traces[i].Start, _traces[i].End - 1);
            if (end - at < GuestMemory.PageSize)
                break;
        }
    }

    private static ulong PageBefore(ulong address, ulong distance) =>
        (address - Math.Min(distance, address - GuestMemory.WindowStart)) & ~(GuestMemory.PageSize - 1);

    private bool InvalidateIn(ulong at, ulong address, ulong last)
    {
        var page = _record->CodePages[(at - GuestMemory.WindowStart) >> 12];
        if (page == null || page->FirstTrace == 0)
            return false;
        var kept = 0;
        var changed = false;
        for (var i = page->FirstTrace; i != 0;)
        {
            var trace = _traces[i];
            if (trace.Start <= last && trace.End > address)
            {
                Kill(trace);
                changed = true;
            }
            else
            {
                _traces[i].Next = kept;
                kept = i;
            }
            i = trace.Next;
        }
        page->FirstTrace = kept;
        return changed;
    }

    private void Kill(Trace trace)
    {
        if (trace.Unit != 0)
            UnitChanged?.Invoke(trace.Unit);
        for (var i = trace.FirstOp; i < trace.FirstOp + (uint)trace.Ops; i++)
        {
            var op = _record->Ops + i;
            op->Handler = (nint)Handlers.Stale;
            op->Target = null;
            var page = _record->CodePages[(op->Rip - GuestMemory.WindowStart) >> 12];
            if (page != null && page->Entry[op->Rip & 4095] == i)
                page->Entry[op->Rip & 4095] = 0;
        }
        _memory.UnmarkCode(trace.Start, trace.End - 1);
    }

    /// <summary>Forgets everything. No op may be running.</summary>
    internal void Clear()
    {
        for (; _traceCount > 1; _traceCount--)
            _memory.UnmarkCode(_traces[_traceCount - 1].Start, _traces[_traceCount - 1].End - 1);
        for (; _pageCount > 0; _pageCount--)
            _record->CodePages[_pageNumbers[_pageCount - 1]] = null;
        HostMemory.Advise((nint)_pages, (nuint)(MostPages * (ulong)sizeof(CodePage)), HostMemory.AdviceDontNeed);
        HostMemory.Advise((nint)_record->Ops, (nuint)(Capacity * (ulong)sizeof(Op)), HostMemory.AdviceDontNeed);
        if (_traces.Length > ManyTraces)
            _traces = new Trace[ManyTraces];
        _used = 1;
        _record->Patch = null;
        ((Span<ReturnEntry>)_record->Returns).Clear();
    }

    private CodePage* PageOf(ulong address)
    {
        var number = (address - GuestMemory.WindowStart) >> 12;
        ref var page = ref _record->CodePages[number];
        if (page == null)
        {
            page = _pages + _pageCount;
            _pageNumbers[_pageCount++] = number;
        }
        return page;
    }

    public void Dispose()
    {
        HostMemory.Unmap((byte*)_record->CodePages, PageCount * (ulong)sizeof(CodePage*));
        HostMemory.Unmap((byte*)_record->Ops, Capacity * (ulong)sizeof(Op));
        HostMemory.Unmap((byte*)_pages, MostPages * (ulong)sizeof(CodePage));
    }
}
