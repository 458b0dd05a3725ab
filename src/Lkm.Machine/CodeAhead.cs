namespace Lkm.Machine;

/// <summary>
/// Makes ready on a thread of its own, while the kernel around the processor is still being made, the code that the processor is going to
/// execute. Until a processor has taken the result over nobody may change the memory's code, but for hooking it.
/// </summary>
public sealed unsafe class CodeAhead
{
    private readonly GuestMemory _memory;
    private readonly ReadOnlyMemory<byte> _decoded, _pages;
    private readonly CpuRecord* _record = (CpuRecord*)HostMemory.Reserve((ulong)sizeof(CpuRecord)); // until the processor's own is there
    private readonly CodeCache _code;
    private readonly HookSet _hooks = new();
    private readonly Action? _afterwards;
    private readonly ManualResetEventSlim _isLoaded = new();

    /// <summary>Begins.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="decoded">What <see cref="Decode"/> made of the same memory; anything else costs time and does no harm.</param>
    /// <param name="pages">What <see cref="GuestMemory.TouchedPages"/> said of it; the same holds.</param>
    /// <param name="afterwards">What else the thread is to do, while the guest runs.</param>
    public CodeAhead(GuestMemory memory, ReadOnlyMemory<byte> decoded, ReadOnlyMemory<byte> pages = default, Action? afterwards = null)
    {
        _memory = memory;
        _decoded = decoded;
        _pages = pages;
        _afterwards = afterwards;
        _code = new CodeCache(memory, _record);
        new Thread(Load) { IsBackground = true }.UnsafeStart();
    }

    /// <summary>Decodes what a run began with, for runs to come of the same memory with this build of the program.</summary>
    /// <param name="memory">The memory as it was before the run; it gets marks of code.</param>
    /// <param name="hints">Of the run.</param>
    public static byte[] Decode(GuestMemory memory, CodeHints hints) => DecodedCode.Make(memory, hints);

    /// <summary>Whether the bytes were what they should be; known once a processor has run.</summary>
    public bool IsUsable { get; private set; }

    /// <summary>Waits for the code; it belongs to the caller.</summary>
    /// <param name="record">The processor's record.</param>
    /// <param name="hooks">What is hooked now.</param>
    internal CodeCache Take(CpuRecord* record, HookSet hooks)
    {
        _isLoaded.Wait();
        _code.MoveTo(record);
        HostMemory.Unmap((byte*)_record, (ulong)sizeof(CpuRecord));
        foreach (var address in hooks.DifferenceFrom(_hooks))
            _code.Invalidate(address, 1);
        return _code;
    }

    private void Load()
    {
        var chosen = new HashSet<ulong>();
        IsUsable = DecodedCode.Load(_decoded.Span, _code, _hooks, chosen);
        _isLoaded.Set();
        Handlers.Rehearse(chosen);
        InstructionDecoder.Load(); // for what is decoded first while the guest runs
        _memory.MakeReady(_pages.Span);
        _afterwards?.Invoke();
    }
}
