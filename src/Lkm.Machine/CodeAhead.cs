namespace Lkm.Machine;

/// <summary>
/// Where decoding began in an earlier run, and which addresses were hooked then: what the next run of the same memory is going to
/// decode as well. Only a hint: what it says too much or too little of costs time and nothing else.
/// </summary>
/// <param name="Starts">Addresses that the processor arrived at, in order.</param>
/// <param name="Hooks">Hooked addresses.</param>
public sealed record CodeHints(ulong[] Starts, ulong[] Hooks);

/// <summary>
/// Decodes on a thread of its own, while the kernel around the processor is still being made, what the processor is going to execute.
/// Until a processor has taken the result over nobody may change code that the hints name, but for hooking it.
/// </summary>
public sealed unsafe class CodeAhead
{
    private readonly GuestMemory _memory;
    private readonly CodeHints _hints;
    private readonly CpuRecord* _record = (CpuRecord*)HostMemory.Reserve((ulong)sizeof(CpuRecord)); // until the processor's own is there
    private readonly CodeCache _code;
    private readonly HookSet _hooks = new();
    private readonly Thread _thread;

    /// <summary>Begins to decode.</summary>
    public CodeAhead(GuestMemory memory, CodeHints hints)
    {
        (_memory, _hints) = (memory, hints);
        _code = new CodeCache(memory, _record);
        _thread = new Thread(Decode) { IsBackground = true, Name = "decoder" };
        _thread.Start();
    }

    /// <summary>Waits for the decoded code; it belongs to the caller.</summary>
    /// <param name="record">The processor's record.</param>
    /// <param name="hooks">What is hooked now.</param>
    internal CodeCache Take(CpuRecord* record, HookSet hooks)
    {
        _thread.Join();
        _code.MoveTo(record);
        HostMemory.Unmap((byte*)_record, (ulong)sizeof(CpuRecord));
        foreach (var address in hooks.DifferenceFrom(_hooks))
            _code.Invalidate(address, 1);
        return _code;
    }

    private void Decode()
    {
        foreach (var address in _hints.Hooks)
            _hooks.Add(address);
        var lowering = new Lowering(_memory, _hooks);
        foreach (var start in _hints.Starts)
        {
            if (_code.Full)
                return;
            if (CodeCache.Find(_record, start) == null && lowering.Trace(start, _code.Cursor))
                _code.Add(start, lowering.End, lowering.Ops, lowering.Entries);
        }
    }
}
