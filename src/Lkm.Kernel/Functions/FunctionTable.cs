using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// Which addresses of the image are answered by C# (the live table that the compatibility list is printed from), and the
/// dispatch of a call that reached one.
/// </summary>
public sealed class FunctionTable
{
    private static ReadOnlySpan<byte> Endbr64 => [0xf3, 0x0f, 0x1e, 0xfa];

    private static ReadOnlySpan<byte> FtraceNop => [0x0f, 0x1f, 0x44, 0x00, 0x00];

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly ulong _fentry;
    private readonly Dictionary<ulong, Entry> _entries = [];

    /// <summary>Creates an empty table.</summary>
    /// <param name="cpu">The processor whose calls are caught.</param>
    /// <param name="memory">Its _memory.</param>
    /// <param name="fentry">The image's <c>__fentry__</c>, which traceable functions call first, or 0.</param>
    public FunctionTable(Cpu cpu, GuestMemory memory, ulong fentry)
    {
        _cpu = cpu;
        _memory = memory;
        _fentry = fentry;
    }

    /// <summary>Called before each C# function, with its name and arguments, when tracing is on.</summary>
    public Action<string, string, ulong>? Trace { get; set; }

    /// <summary>All functions that are installed, with their addresses.</summary>
    public IEnumerable<(ulong Address, KernelFunctionInfo Function)> Installed =>
        _entries.Select(e => (e.Key, e.Value.Functions.Functions[e.Value.Row]));

    /// <summary>Whether C# answers calls that arrive at an address.</summary>
    internal bool Has(ulong address) => _entries.ContainsKey(address);

    /// <summary>Installs those functions of a subsystem that the image has.</summary>
    /// <param name="functions">The subsystem.</param>
    /// <param name="find">The address of a symbol of the image, or 0.</param>
    public void Install(IKernelFunctions functions, Func<string, ulong> find)
    {
        var rows = functions.Functions;
        for (var i = 0; i < rows.Length; i++)
        {
            var address = find(rows[i].Name);
            if (address != 0)
                Install(EntryPoint(address), functions, i);
        }
    }

    /// <summary>Installs one function at an address of the core's own, where guest code can call it.</summary>
    /// <param name="address">The address.</param>
    /// <param name="functions">The subsystem.</param>
    /// <param name="name">The function's name.</param>
    public void InstallAt(ulong address, IKernelFunctions functions, string name)
    {
        var rows = functions.Functions;
        for (var i = 0; i < rows.Length; i++)
        {
            if (rows[i].Name == name)
                Install(address, functions, i);
        }
    }

    private void Install(ulong address, IKernelFunctions functions, int row)
    {
        _entries[address] = new Entry(functions, row, functions.Functions[row].Index);
        _cpu.Hook(address);
    }

    /// <summary>Answers the call that arrived at a hooked address.</summary>
    /// <returns>False when the address is not of this table.</returns>
    public bool TryDispatch(ulong address)
    {
        if (!_entries.TryGetValue(address, out var entry))
            return false;
        var frame = new CallFrame(_cpu, _memory);
        if (Trace is { } trace)
            trace(entry.Functions.Functions[entry.Row].Name, entry.Functions.FormatArguments(entry.Index, frame), frame.ReturnAddress);
        var task = entry.Functions.Invoke(entry.Index, frame);
        if (task is null || task.IsCompleted)
        {
            task?.GetResult();
            frame.Leave();
        }
        else
        {
            LeaveLater(task, frame);
        }

        return true;
    }

    // By itself: its closure would be made for every call otherwise.
    private static void LeaveLater(GuestTask task, CallFrame frame) => task.OnCompleted(() =>
    {
        task.GetResult();
        frame.Leave();
    });

    /// <summary>
    /// Where a function is caught: behind ENDBR64 and behind the five bytes of its ftrace site, so that ftrace and the kprobes that
    /// use it see calls of functions that C# answers too.
    /// </summary>
    internal ulong EntryPoint(ulong address)
    {
        if (_memory.Span(address, 4).SequenceEqual(Endbr64))
            address += 4;
        var first = _memory.Span(address, 5);
        var callsFentry = first[0] == 0xe8 && address + 5 + (ulong)_memory.ReadInt32(address + 1) == _fentry;
        return callsFentry || first.SequenceEqual(FtraceNop) ? address + 5 : address;
    }

    private sealed record Entry(IKernelFunctions Functions, int Row, int Index);
}
