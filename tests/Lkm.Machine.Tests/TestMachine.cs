using Iced.Intel;
using Lkm.Machine.Translation;

namespace Lkm.Machine.Tests;

/// <summary>A processor with some memory: code, data and a stack.</summary>
internal sealed class TestMachine : ICpuEnvironment, IDisposable
{
    internal const ulong Code = GuestMemory.WindowStart + 0x100_0000;
    internal const ulong Data = GuestMemory.WindowStart + 0x200_0000;
    internal const ulong Stack = GuestMemory.WindowStart + 0x300_0000;
    internal const ulong Done = Code + 0xF000;

    /// <param name="options">Who executes; if null, as LKM_ENGINE says.</param>
    internal TestMachine(TranslationOptions? options = null)
        : this(null, [], null, options)
    {
    }

    /// <summary>With code that is decoded ahead.</summary>
    /// <param name="hints">What was decoded in an earlier run; null for no code ahead.</param>
    /// <param name="code">The code, for <see cref="Code"/>.</param>
    /// <param name="change">Gets the decoded code as bytes, and returns what is made of them.</param>
    /// <param name="options">Who executes; if null, as LKM_ENGINE says.</param>
    internal TestMachine(CodeHints? hints, byte[] code, Func<byte[], byte[]>? change = null, TranslationOptions? options = null)
    {
        Memory.SetAccess(Code, 0x10000, Shadow.Accessible);
        Memory.SetAccess(Data, 0x10000, Shadow.Accessible);
        Memory.SetAccess(Stack - 0x10000, 0x10000, Shadow.Accessible);
        code.CopyTo(Memory.Span(Code, code.Length));
        Cpu = new Cpu(Memory, this, options, hints is null ? null : new CodeAhead(Memory, change?.Invoke(CodeAhead.Decode(Memory, hints)) ?? CodeAhead.Decode(Memory, hints)));
        Cpu.Hook(Done);
        Reset();
    }

    internal GuestMemory Memory { get; } = GuestMemory.Create();

    internal Cpu Cpu { get; }

    internal List<string> Ports { get; } = [];

    internal List<(int Register, ulong Value)> DebugWrites { get; } = [];

    /// <summary>Pages that must not be executed.</summary>
    internal HashSet<ulong> NotExecutable { get; } = [];

    /// <summary>Called when read-only memory is written: whether it has become writable.</summary>
    internal Func<ulong, bool> BecomesWritable { get; set; } = _ => false;

    public bool IsExecutable(ulong address) => !NotExecutable.Contains(address & ~(GuestMemory.PageSize - 1));

    public bool MakeWritable(ulong address) => BecomesWritable(address);

    public void DebugRegisterWritten(int register, ulong value) => DebugWrites.Add((register, value));

    public ulong TimestampCounter => (ulong)Cpu.Instructions;

    /// <summary>Assembles code at the start of the code area and puts RIP there, with a return address on the stack.</summary>
    internal TestMachine Load(Action<Assembler> code)
    {
        var assembler = new Assembler(64);
        code(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), Code);
        return Load(stream.ToArray());
    }

    internal TestMachine Load(params byte[] code)
    {
        code.CopyTo(Memory.Span(Code, code.Length));
        Cpu.InvalidateCode(Code, (ulong)code.Length);
        Reset();
        return this;
    }

    internal void Reset()
    {
        Cpu.Rip = Code;
        Cpu.Rsp = Stack - 0x100;
        Memory.WriteUInt64(Cpu.Rsp, Done);
    }

    internal CpuExit Run(long budget = 1_000_000) => Cpu.Run(budget);

    public uint In(ushort port, int size)
    {
        Ports.Add($"in {port:x} {size}");
        return 0xA1B2C3D4;
    }

    public void Out(ushort port, int size, uint value) => Ports.Add($"out {port:x} {size} {value:x}");

    public bool TryReadMsr(uint msr, out ulong value)
    {
        value = 0x1234_5678_9ABC;
        return msr == 0x10;
    }

    public bool TryWriteMsr(uint msr, ulong value) => msr == 0x10;

    /// <summary>Where the host's stack was at the last CPUID.</summary>
    internal nint StackDepth { get; set; }

    public unsafe CpuidResult Cpuid(uint leaf, uint subleaf)
    {
        int here;
        StackDepth = (nint)(&here);
        return new CpuidResult(leaf, subleaf, 3, 4);
    }

    public void Dispose()
    {
        Cpu.Dispose();
        Memory.Dispose();
    }
}
