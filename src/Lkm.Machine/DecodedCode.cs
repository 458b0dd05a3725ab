using System.Runtime.InteropServices;

namespace Lkm.Machine;

/// <summary>
/// Where decoding began in a run of some memory, and which addresses were hooked then: what the next run of the same memory is going to
/// decode as well. Only a hint: what it says too much or too little of costs time and nothing else.
/// </summary>
/// <param name="Starts">Addresses that the processor arrived at, in order.</param>
/// <param name="Hooks">Hooked addresses.</param>
public sealed record CodeHints(ulong[] Starts, ulong[] Hooks);

/// <summary>
/// Decoded code of some memory as bytes that outlive the process. A handler lies elsewhere in each process, so an op holds a number
/// instead, and handlers are numbered as they first appear: whoever reads decodes the few traces that have a number not seen so far, learns
/// the handlers from them, and copies all others.
/// </summary>
/// <remarks>
/// Header, hooks, traces, entries, ops, in the machine's order. Good only for the very memory, and for the build of this assembly, that it
/// was made by. A sum over all of it tells damage; bytes that were forged on purpose, with a right sum, are as trusted as the program itself.
/// </remarks>
internal static unsafe class DecodedCode
{
    private const ulong Magic = 0x3145444F434D4B4C; // "LKMCODE1"

    private struct Header
    {
        internal ulong Magic, Sum;
        internal int Handlers, Hooks, Traces, Entries, Ops;
    }

    private struct Trace
    {
        internal ulong Start, End;
        internal int Entries, Ops;
    }

    /// <summary>Decodes what a run began with.</summary>
    /// <param name="memory">The memory as it was before the run. Its shadow gets marks of code.</param>
    /// <param name="hints">Of the run.</param>
    internal static byte[] Make(GuestMemory memory, CodeHints hints)
    {
        var hooks = new HookSet();
        foreach (var address in hints.Hooks)
            hooks.Add(address);
        var record = (CpuRecord*)HostMemory.Reserve((ulong)sizeof(CpuRecord));
        byte[] bytes;
        using (var code = new CodeCache(memory, record))
            bytes = Encode(hints.Starts, record, code, new Lowering(memory, hooks), hooks);
        HostMemory.Unmap((byte*)record, (ulong)sizeof(CpuRecord));
        return bytes;
    }

    private static byte[] Encode(ulong[] starts, CpuRecord* record, CodeCache code, Lowering lowering, HookSet hooks)
    {
        var numbers = new Dictionary<nint, nint>();
        var traces = new List<Trace>();
        var entries = new List<int>();
        var ops = new List<Op>();
        foreach (var start in starts)
        {
            if (code.Full)
                break;
            if (CodeCache.Find(record, start) != null || !lowering.Trace(start, code.Cursor))
                continue;
            traces.Add(new Trace { Start = start, End = lowering.End, Entries = lowering.Entries.Length, Ops = lowering.Ops });
            entries.AddRange(lowering.Entries);
            for (var i = 0; i < lowering.Ops; i++)
            {
                var op = code.Cursor[i];
                if (!numbers.TryGetValue(op.Handler, out var number))
                    numbers[op.Handler] = number = numbers.Count + 1;
                op.Handler = number;
                ops.Add(op);
            }
            code.Add(start, lowering.End, lowering.Ops, lowering.Entries);
        }
        return Join(numbers.Count, hooks.ToArray(), CollectionsMarshal.AsSpan(traces), CollectionsMarshal.AsSpan(entries), CollectionsMarshal.AsSpan(ops));
    }

    /// <summary>Puts the code where a processor is going to look for it.</summary>
    /// <param name="bytes">What <see cref="Make"/> made of the same memory.</param>
    /// <param name="memory">The memory.</param>
    /// <param name="record">The record whose handlers are going to run it.</param>
    /// <param name="code">Gets the code.</param>
    /// <param name="hooks">Gets the hooks.</param>
    /// <returns>False if the bytes are damaged, or of another build; what was put in until then is right.</returns>
    internal static bool Load(ReadOnlySpan<byte> bytes, GuestMemory memory, CpuRecord* record, CodeCache code, HookSet hooks)
    {
        if (!TryRead(bytes, out var header))
            return false;
        bytes = bytes[sizeof(Header)..];
        foreach (var address in Take<ulong>(ref bytes, header.Hooks))
            hooks.Add(address);
        var traces = Take<Trace>(ref bytes, header.Traces);
        var ops = Take<Op>(ref bytes, header.Ops);
        var entries = Take<int>(ref bytes, header.Entries);
        var handlers = new nint[header.Handlers + 1];
        var lowering = new Lowering(memory, hooks);
        var known = 1;
        foreach (var trace in traces)
        {
            if (code.Full)
                return true;
            var from = Take(ref ops, trace.Ops);
            var to = code.Cursor;
            if (AreKnown(from, known))
            {
                from.CopyTo(new Span<Op>(to, from.Length));
                for (var i = 0; i < from.Length; i++)
                    to[i].Handler = handlers[(int)from[i].Handler];
            }
            else if (!lowering.Trace(trace.Start, to) || lowering.Ops != from.Length || !Learn(from, to, handlers, ref known))
            {
                return false;
            }
            code.Add(trace.Start, trace.End, from.Length, Take(ref entries, trace.Entries));
        }
        return true;
    }

    private static bool AreKnown(ReadOnlySpan<Op> ops, int known)
    {
        foreach (ref readonly var op in ops)
        {
            if (op.Handler >= known)
                return false;
        }
        return true;
    }

    private static bool Learn(ReadOnlySpan<Op> numbered, Op* decoded, nint[] handlers, ref int known)
    {
        for (var i = 0; i < numbered.Length; i++)
        {
            var number = (int)numbered[i].Handler;
            if (number == known && number < handlers.Length)
                handlers[known++] = decoded[i].Handler;
            else if (number >= known || handlers[number] != decoded[i].Handler)
                return false;
        }
        return true;
    }

    private static byte[] Join(int handlers, ReadOnlySpan<ulong> hooks, ReadOnlySpan<Trace> traces, ReadOnlySpan<int> entries, ReadOnlySpan<Op> ops)
    {
        byte[] bytes =
        [
            .. new byte[sizeof(Header)], .. MemoryMarshal.AsBytes(hooks), .. MemoryMarshal.AsBytes(traces), .. MemoryMarshal.AsBytes(ops),
            .. MemoryMarshal.AsBytes(entries),
        ];
        var header = new Header
        {
            Magic = Magic,
            Handlers = handlers,
            Hooks = hooks.Length,
            Traces = traces.Length,
            Entries = entries.Length,
            Ops = ops.Length,
        };
        header.Sum = Sum(header, bytes.AsSpan(sizeof(Header)));
        MemoryMarshal.Write(bytes, header);
        return bytes;
    }

    private static bool TryRead(ReadOnlySpan<byte> bytes, out Header header)
    {
        header = default;
        if (bytes.Length < sizeof(Header))
            return false;
        header = MemoryMarshal.Read<Header>(bytes);
        bytes = bytes[sizeof(Header)..];
        return header.Magic == Magic && header.Sum == Sum(header, bytes);
    }

    private static ReadOnlySpan<T> Take<T>(ref ReadOnlySpan<byte> bytes, int count)
        where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(Take(ref bytes, count * sizeof(T)));

    private static ReadOnlySpan<T> Take<T>(ref ReadOnlySpan<T> items, int count)
    {
        var taken = items[..count];
        items = items[count..];
        return taken;
    }

    // Of the length, of what the header counts, and of each whole and last word; a change anywhere changes it.
    private static ulong Sum(in Header header, ReadOnlySpan<byte> bytes)
    {
        const ulong Prime = 0x100000001B3;
        var sum = (ulong)bytes.Length;
        foreach (var count in (ReadOnlySpan<int>)[header.Handlers, header.Hooks, header.Traces, header.Entries, header.Ops])
            sum = (sum ^ (uint)count) * Prime;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
            sum = (sum ^ word) * Prime;
        foreach (var rest in bytes[(bytes.Length & ~7)..])
            sum = (sum ^ rest) * Prime;
        return sum;
    }
}
