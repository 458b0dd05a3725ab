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
/// instead. A few traces, the teachers, have all handlers between them; their instructions are kept too: whoever reads lowers these once more, learns
/// what the numbers mean, and copies all other traces. Nothing is decoded again, as the decoder is not ready before a process has run for a while.
/// </summary>
/// <remarks>
/// Header, instructions, hooks, traces, ops, entries, in the machine's order. Good only for the very memory, and for the build of this assembly, that it
/// was made by. A sum over all of it tells damage; bytes that were forged on purpose, with a right sum, are as trusted as the program itself.
/// </remarks>
internal static unsafe class DecodedCode
{
    private const ulong Magic = 0x3245444F434D4B4C; // "LKMCODE2"

    private struct Header
    {
        internal ulong Magic, Sum;
        internal int Handlers, Hooks, Traces, Entries, Ops, Teachers, Instructions;
    }

    private struct Trace
    {
        internal ulong Start, End;
        internal int Entries, Ops;
    }

    private sealed record DecodedTrace(ulong Start, ulong End, int[] Entries, Op[] Ops, DecodedInstruction[] Instructions);

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
            bytes = Encode(hints.Starts, memory, record, code, hooks);
        HostMemory.Unmap((byte*)record, (ulong)sizeof(CpuRecord));
        return bytes;
    }

    private static byte[] Encode(ulong[] starts, GuestMemory memory, CpuRecord* record, CodeCache code, HookSet hooks)
    {
        var recorder = new InstructionRecorder(new InstructionDecoder(memory));
        var lowering = new Lowering(recorder, hooks);
        var traces = new List<DecodedTrace>();
        foreach (var start in starts)
        {
            if (code.Full)
                break;
            if (CodeCache.Find(record, start) != null || !lowering.Trace(start, code.Cursor))
                continue;
            traces.Add(new DecodedTrace(start, lowering.End, lowering.Entries.ToArray(), new Span<Op>(code.Cursor, lowering.Ops).ToArray(), recorder.Given));
            code.Add(start, lowering.End, lowering.Ops, lowering.Entries);
        }

        var (ordered, teachers) = TeachersFirst(traces);
        var numbers = new Dictionary<nint, nint>();
        var ops = new List<Op>();
        foreach (var trace in ordered)
        {
            foreach (var decoded in trace.Ops)
            {
                var op = decoded;
                if (!numbers.TryGetValue(op.Handler, out var number))
                    numbers[op.Handler] = number = numbers.Count + 1;
                op.Handler = number;
                ops.Add(op);
            }
        }
        Trace[] table = [.. ordered.Select(trace => new Trace { Start = trace.Start, End = trace.End, Entries = trace.Entries.Length, Ops = trace.Ops.Length })];
        int[] entries = [.. ordered.SelectMany(trace => trace.Entries)];
        DecodedInstruction[] instructions = [.. ordered.Take(teachers).SelectMany(trace => trace.Instructions)];
        var header = new Header { Handlers = numbers.Count, Teachers = teachers };
        return Join(header, instructions, hooks.ToArray(), table, CollectionsMarshal.AsSpan(ops), entries);
    }

    /// <summary>Puts first a few short traces that have all handlers between them, and says how many.</summary>
    private static (List<DecodedTrace> Ordered, int Teachers) TeachersFirst(List<DecodedTrace> traces)
    {
        var handlers = traces.ConvertAll(trace => trace.Ops.Select(op => op.Handler).ToHashSet());
        var taught = new HashSet<nint>();
        var ordered = new List<DecodedTrace>();
        var rest = Enumerable.Range(0, traces.Count).ToList();
        while (true)
        {
            int NewIn(int trace) => handlers[trace].Count(handler => !taught.Contains(handler));
            rest.RemoveAll(trace => NewIn(trace) == 0);
            if (rest.Count == 0)
                break;
            var best = rest.MaxBy(trace => (double)NewIn(trace) / traces[trace].Ops.Length);
            taught.UnionWith(handlers[best]);
            ordered.Add(traces[best]);
        }
        var teachers = ordered.ToHashSet();
        ordered.AddRange(traces.Where(trace => !teachers.Contains(trace)));
        return (ordered, teachers.Count);
    }

    /// <summary>Puts the code where a processor is going to look for it.</summary>
    /// <param name="bytes">What <see cref="Make"/> made of the same memory.</param>
    /// <param name="code">Gets the code.</param>
    /// <param name="hooks">Gets the hooks.</param>
    /// <param name="chosen">Gets the handlers that <see cref="Handlers.Rehearse"/> may call.</param>
    /// <returns>False if the bytes are damaged, or of another build; what was put in until then is right.</returns>
    internal static bool Load(ReadOnlySpan<byte> bytes, CodeCache code, HookSet hooks, HashSet<ulong> chosen)
    {
        if (!TryRead(bytes, out var header))
            return false;
        bytes = bytes[sizeof(Header)..];
        var lowering = new Lowering(new InstructionPlayer(Take<DecodedInstruction>(ref bytes, header.Instructions).ToArray()), hooks, chosen);
        foreach (var address in Take<ulong>(ref bytes, header.Hooks))
            hooks.Add(address);
        var traces = Take<Trace>(ref bytes, header.Traces);
        var ops = Take<Op>(ref bytes, header.Ops);
        var entries = Take<int>(ref bytes, header.Entries);
        code.Expect(traces.Length, entries.Length, ops.Length);
        var handlers = new nint[header.Handlers + 1];
        var known = 1;
        for (var i = 0; i < traces.Length; i++)
        {
            if (code.Full)
                return true;
            ref readonly var trace = ref traces[i];
            var from = Take(ref ops, trace.Ops);
            var to = code.Cursor;
            if (i >= header.Teachers)
                Copy(from, to, handlers);
            else if (!lowering.Trace(trace.Start, to) || lowering.Ops != from.Length || !Learn(from, to, handlers, ref known))
                return false;
            code.Add(trace.Start, trace.End, from.Length, Take(ref entries, trace.Entries));
        }
        return true;
    }

    private static void Copy(ReadOnlySpan<Op> numbered, Op* to, ReadOnlySpan<nint> handlers)
    {
        foreach (ref readonly var op in numbered)
        {
            *to = op;
            to->Handler = handlers[(int)op.Handler];
            to++;
        }
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

    private static byte[] Join(
        Header header,
        ReadOnlySpan<DecodedInstruction> instructions,
        ReadOnlySpan<ulong> hooks,
        ReadOnlySpan<Trace> traces,
        ReadOnlySpan<Op> ops,
        ReadOnlySpan<int> entries)
    {
        byte[] bytes =
        [
            .. new byte[sizeof(Header)], .. MemoryMarshal.AsBytes(instructions), .. MemoryMarshal.AsBytes(hooks), .. MemoryMarshal.AsBytes(traces),
            .. MemoryMarshal.AsBytes(ops), .. MemoryMarshal.AsBytes(entries),
        ];
        header.Magic = Magic;
        (header.Instructions, header.Hooks, header.Traces, header.Ops, header.Entries) =
            (instructions.Length, hooks.Length, traces.Length, ops.Length, entries.Length);
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
        foreach (var count in (ReadOnlySpan<int>)[header.Handlers, header.Teachers, header.Instructions, header.Hooks, header.Traces, header.Ops, header.Entries])
            sum = (sum ^ (uint)count) * Prime;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        var (a, b, c, d) = (sum, sum + 1, sum + 2, sum + 3); // four at a time: a multiplication takes as long as four that do not wait for each other
        var at = 0;
        for (; at + 4 <= words.Length; at += 4)
        {
            a = (a ^ words[at]) * Prime;
            b = (b ^ words[at + 1]) * Prime;
            c = (c ^ words[at + 2]) * Prime;
            d = (d ^ words[at + 3]) * Prime;
        }
        sum = (((((a * Prime) ^ b) * Prime) ^ c) * Prime) ^ d;
        foreach (var word in words[at..])
            sum = (sum ^ word) * Prime;
        foreach (var rest in bytes[(bytes.Length & ~7)..])
            sum = (sum ^ rest) * Prime;
        return sum;
    }
}
