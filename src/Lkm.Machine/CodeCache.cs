namespace Lkm.Machine;

/// <summary>
/// Decoded instructions, found by address. A trace is a run of instructions that lie one after the
/// other; when its bytes change, each of its ops gets a handler that looks its address up again, so whoever still points at one
/// (a chained jump, the running trace itself) does the right thing. Memory of dead traces is reclaimed when all is.
/// </summary>
internal sealed unsafe class CodeCache : IDisposable
{
    /// <summary>A trace ends after so many instructions at the latest.</summary>
    internal const int LongestTrace = 48;

    private const ulong LongestTraceBytes = LongestTrace * 15;
    private const uint Capacity = 1 << 19; // ops: 24 MiB
    private const int ManyTraces = 1 << 16;
    private const uint Reserve = 1 << 16; // of them, for what running traces need

    private readonly GuestMemory _memory;
    private CpuRecord* _record;
    private AddressTable _firstTraces = AddressTable.Create(); // of the traces that start in a page
    private Trace[] _traces = new Trace[1024]; // the first is none
    private int _traceCount = 1;
    private uint _used = 1;

    private struct Trace(ulong start, ulong end, uint firstOp, int ops)
    {
        internal ulong Start = start, End = end;
        internal uint FirstOp = firstOp;
        internal int Ops = ops;

        /// <summary>Another one that starts in the same page, or 0.</summary>
        internal int Next;

        /// <summary>The unit that the bytes were translated for, if they are not those of decoded ops.</summary>
        internal int Unit;
    }

    /// <summary>Told of units whose bytes were changed.</summary>
    internal Action<int>? UnitChanged { get; set; }

    internal CodeCache(GuestMemory memory, CpuRecord* record)
    {
        _memory = memory;
        _record = record;
        record->Entries = AddressTable.Create();
        record->Ops = (Op*)HostMemory.Reserve(Capacity * (ulong)sizeof(Op));
    }

    /// <summary>Makes room for what is going to be added to an empty cache.</summary>
    internal void Expect(int traces, int entries, int ops)
    {
        _traces = new Trace[Math.Max(_traces.Length, 2 * traces)];
        _record->Entries.Dispose();
        _record->Entries = AddressTable.Create(entries);
        HostMemory.Populate((byte*)_record->Ops, (uint)ops * (ulong)sizeof(Op));
    }

    /// <summary>Lets the handlers of another record find what is decoded.</summary>
    internal void MoveTo(CpuRecord* record)
    {
        record->Entries = _record->Entries;
        record->Ops = _record->Ops;
        _record = record;
    }

    /// <summary>Where the traces in a range of addresses start, in the order of decoding.</summary>
    internal ulong[] Starts(ulong from, ulong to)
    {
        var starts = new ulong[_traceCount];
        var count = 0;
        for (var i = 1; i < _traceCount; i++)
        {
            if (_traces[i].Ops != 0 && _traces[i].Start >= from && _traces[i].Start < to)
                starts[count++] = _traces[i].Start;
        }
        Array.Resize(ref starts, count);
        return starts;
    }

    /// <summary>Whether the next trace may not fit: then everything is to be forgotten first.</summary>
    internal bool Full => _used > Capacity - Reserve;

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

    /// <summary>The op of an instruction that control may arrive at; null if it is not decoded.</summary>
    internal static Op* Find(CpuRecord* c, ulong rip)
    {
        var entry = c->Entries.Find(rip);
        return entry == 0 ? null : c->Ops + entry;
    }

    /// <summary>Takes in the trace written at <see cref="Cursor"/>, which decodes the bytes from start to end.</summary>
    internal void Add(ulong start, ulong end, int ops, ReadOnlySpan<int> entries)
    {
        Watch(new Trace(start, end, _used, ops));
        foreach (var entry in entries)
        {
            var number = _used + (uint)entry;
            var rip = _record->Ops[number].Rip;
            if (_record->Entries.Find(rip) == 0)
                _record->Entries.Set(rip, number);
        }
        _used += (uint)ops;
        _memory.MarkCode(start, end - 1);
    }

    /// <summary>Watches bytes that a unit was translated from.</summary>
    internal void AddUnit(ulong start, ulong end, int unit)
    {
        for (var at = start; at < end; at += LongestTraceBytes)
            Watch(new Trace(at, Math.Min(end, at + LongestTraceBytes), 0, 0) { Unit = unit });
        _memory.MarkCode(start, end - 1);
    }

    private void Watch(Trace trace)
    {
        if (_traceCount == _traces.Length)
            Array.Resize(ref _traces, 2 * _traceCount);
        var page = PageOf(trace.Start);
        trace.Next = (int)_firstTraces.Find(page);
        _traces[_traceCount] = trace;
        _firstTraces.Set(page, (uint)_traceCount++);
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
            for (var i = (int)_firstTraces.Find(PageOf(at)); i != 0; i = _traces[i].Next)
                _memory.MarkCode(_traces[i].Start, _traces[i].End - 1);
            if (end - at < GuestMemory.PageSize)
                break;
        }
    }

    private static ulong PageBefore(ulong address, ulong distance) =>
        (address - Math.Min(distance, address - GuestMemory.WindowStart)) & ~(GuestMemory.PageSize - 1);

    private bool InvalidateIn(ulong at, ulong address, ulong last)
    {
        var page = PageOf(at);
        var kept = 0;
        var changed = false;
        for (var i = (int)_firstTraces.Find(page); i != 0;)
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
        if (kept == 0)
            _firstTraces.Remove(page);
        else
            _firstTraces.Set(page, (uint)kept);
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
            if (_record->Entries.Find(op->Rip) == i)
                _record->Entries.Remove(op->Rip);
        }
        _memory.UnmarkCode(trace.Start, trace.End - 1);
    }

    /// <summary>Forgets everything. No op may be running.</summary>
    internal void Clear()
    {
        for (; _traceCount > 1; _traceCount--)
            _memory.UnmarkCode(_traces[_traceCount - 1].Start, _traces[_traceCount - 1].End - 1);
        _firstTraces.Clear();
        _record->Entries.Clear();
        HostMemory.Advise((nint)_record->Ops, (nuint)(Capacity * (ulong)sizeof(Op)), HostMemory.AdviceDontNeed);
        if (_traces.Length > ManyTraces)
            _traces = new Trace[ManyTraces];
        _used = 1;
        _record->Patch = null;
        CpuRecord.ForgetReturns(_record);
    }

    private static ulong PageOf(ulong address) => address & ~(GuestMemory.PageSize - 1);

    public void Dispose()
    {
        _firstTraces.Dispose();
        _record->Entries.Dispose();
        HostMemory.Unmap((byte*)_record->Ops, Capacity * (ulong)sizeof(Op));
    }
}
