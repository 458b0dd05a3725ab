using System.Text;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Memory;

/// <summary>The allocators on bare memory, without a kernel: functions are called as guest code would call them.</summary>
internal sealed class BareKernel : IDisposable
{
    public const ulong PerCpuStart = AddressSpace.PageOffset + (16UL << 20);
    public const ulong PerCpuSize = 1UL << 20;
    public const ulong FirstFree = PerCpuStart + PerCpuSize;
    public const ulong Caller = AddressSpace.ModulesStart + 0x500020;
    private const ulong StackPage = AddressSpace.Core + 0x10000;
    private const ulong Task = AddressSpace.Core + 0x20000;
    private const int Pid = 123;

    private readonly FunctionTable _table;
    private readonly Dictionary<string, ulong> _functions = [];

    public BareKernel(ulong ramSize = 64UL << 20)
    {
        Memory = GuestMemory.Create();
        Image = new KernelImage(new FakeImage(), new FakeImage());
        Cpu = new Cpu(Memory, new NoBoard());
        Memory.SetAccess(PerCpuStart, PerCpuSize, Shadow.Accessible);
        PerCpu = new PerCpuArea(Memory, Image, PerCpuStart) { Current = Task };
        Memory.WriteUInt64(PerCpu.TopOfStack, StackPage + AddressSpace.PageSize);
        Memory.WriteInt32(Task + 96, Pid);
        Encoding.ASCII.GetBytes("insmod", Memory.Span(Task + 104, 16));
        Kernel = new Allocators(Memory, Image, new GuestCalls(Cpu, Memory, AddressSpace.Core), PerCpu,
            new TaskStruct(Memory, Image), ramSize, FirstFree, PerCpuSize);
        Kernel.Errors.Reported = Reports.Add;
        Kernel.Errors.Warned = warning => Warnings.Add(warning.Text);
        _table = new FunctionTable(Cpu, Memory, 0);
        var next = FakeImage.Text + 0x1000;
        foreach (var subsystem in Kernel.Functions)
        {
            _table.Install(subsystem, name => _functions[name] = next += 0x40);
        }
    }

    public GuestMemory Memory { get; }

    public KernelImage Image { get; }

    public Cpu Cpu { get; }

    public PerCpuArea PerCpu { get; }

    public Allocators Kernel { get; }

    public List<MemoryErrorReport> Reports { get; } = [];

    public List<string> Warnings { get; } = [];

    /// <summary>Calls a function from the module's code.</summary>
    public ulong Call(string name, params ulong[] arguments) => CallFrom(Caller, name, arguments);

    /// <summary>Calls a function with a given return address.</summary>
    public ulong CallFrom(ulong caller, string name, params ulong[] arguments)
    {
        const ulong stack = StackPage + 0x800;
        Memory.Clear(StackPage, AddressSpace.PageSize);
        Memory.WriteUInt64(stack, caller);
        int[] registers = [7, 6, 2, 1, 8, 9];
        for (var i = 0; i < arguments.Length; i++)
        {
            if (i < registers.Length)
                Cpu[registers[i]] = arguments[i];
            else
                Memory.WriteUInt64(stack + 8 + ((ulong)(i - registers.Length) * 8), arguments[i]);
        }

        Cpu.Rsp = stack;
        Cpu.Rax = 0xdeadbeef;
        Assert.True(_table.TryDispatch(_functions[name]));
        if (Cpu.SkipHookOnce) // declined: the image's own function, which there is none of here, would warn and give nothing
        {
            Cpu.SkipHookOnce = false;
            return 0;
        }

        Assert.Equal(caller, Cpu.Rip);
        return Cpu.Rax;
    }

    public bool CanRead(ulong address, ulong size) => Memory.IsAccessible(address, size, write: false, out _);

    public bool CanWrite(ulong address, ulong size) => Memory.IsAccessible(address, size, write: true, out _);

    /// <summary>A NUL-terminated string in guest memory.</summary>
    public ulong Text(string text)
    {
        var address = Kernel.Slab.Allocate((ulong)text.Length + 1);
        Encoding.ASCII.GetBytes(text, Memory.Span(address, text.Length));
        return address;
    }

    public void Dispose()
    {
        Cpu.Dispose();
        Memory.Dispose();
    }

    private sealed class NoBoard : ICpuEnvironment
    {
        public ulong TimestampCounter => 0;

        public uint In(ushort port, int size) => 0;

        public void Out(ushort port, int size, uint value)
        {
            // Nothing is attached.
        }

        public bool TryReadMsr(uint msr, out ulong value) => (value = 0) == 0;

        public bool TryWriteMsr(uint msr, ulong value) => true;

        public CpuidResult Cpuid(uint leaf, uint subleaf) => default;
    }
}
