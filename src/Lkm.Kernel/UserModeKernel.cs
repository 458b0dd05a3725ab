using Lkm.Kernel.Autoload;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Devices;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Locking;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Probes;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Random;
using Lkm.Kernel.Rcu;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Snapshots;
using Lkm.Kernel.Text;
using Lkm.Kernel.Time;
using Lkm.Machine;

namespace Lkm.Kernel;

/// <summary>
/// A kernel for modules to live in: the machine, the image that the rest of Linux is borrowed from, and the subsystems that C#
/// implements. There is one loop that runs the processor (<see cref="RunUntilIdle"/>); everything else is called from it.
/// </summary>
public sealed partial class UserModeKernel : IDisposable
{
    private readonly ModuleSymbols _moduleSymbols;
    private readonly PageReclaim _reclaim;
    private readonly LockCalls _lockCalls;

    private UserModeKernel(GuestMemory memory, KernelImage image, ulong ramSize, CodeAhead? ahead = null)
    {
        Memory = memory;
        Image = image;
        MemoryProtection = new MemoryAttributes(memory) { FlushUser = FlushUserTranslations };
        var environment = new CpuEnvironment(this, image);
        Cpu = new Cpu(memory, environment, ahead: ahead);
        Clock = new VirtualClock(Cpu);
        Board = new Board(Clock, new LocalApic(memory, AddressSpace.Fixmap(image, "FIX_APIC_BASE")));
        IoApicRegisters = new MappedRegisters(Cpu, memory, AddressSpace.Fixmap(image, "FIX_IO_APIC_BASE_0"), Board.IoApic);
        Log = new KernelLog(() => Clock.Nanoseconds, memory.ReadUInt32(image.Symbol("log_buf_len")));
        Calls = new GuestCalls(Cpu, memory, HookAddresses.CallReturn(image));
        Chain = new CallChain(memory, image, Calls);
        PerCpu = new PerCpuArea(memory, image, ImageLoader.PerCpuStart);
        Tasks = new TaskStruct(memory, image);
        Scheduler = new Scheduler(Cpu, memory, image, PerCpu, Tasks, Chain, Calls, Clock);
        Scheduler.IdleSleeps += PassTimeInInterrupt;
        Context = new ContextChecks(Cpu, memory, image, PerCpu, Tasks, Log) { Symbolise = Symbolise, DumpStack = DumpStack };
        Scheduler.MightSchedule = Context.MightSchedule;
        Rcu = new RcuCallbacks(memory, image, PerCpu, Calls) { MightSleep = Context.MightSleep };
        UserAccess = new UserAccess(Cpu, memory, image, Calls, PerCpu, Tasks);
        Exceptions = new ExceptionEntry(Cpu, memory, image, Calls, Chain.Sites, UserAccess);
        SelfInterrupt = new SelfInterrupt(Cpu, Exceptions, Board.LocalApic);
        Timer = new TimerInterrupt(Cpu, memory, image, PerCpu, Clock, Board.LocalApic, Exceptions, Scheduler, Rcu);
        Text = new TextPatching(Cpu, memory, image);
        Threads = new HostThreads(Cpu, memory, image, Calls);
        Init = new InitProcess(image, Calls, Scheduler, Tasks);
        Random = new RandomNumbers(memory);
        RequestModule = new RequestModule(Cpu, memory, image, Calls, Threads, Tasks, PerCpu);
        MemoryErrors = new MemoryErrors(memory, image, PerCpu, Tasks) { Symbolise = Symbolise };
        Faults = new MemoryFaults(Cpu, memory, image, MemoryErrors, Log) { Symbolise = Symbolise, DumpStack = DumpStack, RamSize = ramSize };
        Scheduler.ScheduledWhileAtomic += count => Faults.NoteScheduleWhileAtomic((Tasks.Comm(PerCpu.Current), Tasks.Pid(PerCpu.Current)), count);
        Context.Found = Faults.Note;
        Tracks = new AllocationTracks(memory, image, PerCpu, Tasks);
        var perCpuLayout = PerCpuLayout.Of(image);
        Pages = new PageAllocator(memory, image, MemoryErrors, ramSize, PerCpu.Start + perCpuLayout.SizeWithRedzones);
        Slab = new SlabAllocator(memory, image, Calls, Pages, Tracks, MemoryErrors) { Chain = Chain };
        Vmalloc = new VmallocAllocator(memory, image, Pages, Slab, MemoryErrors) { MightFree = Context.MightFreeArea };
        Slab.CacheFailed = new CacheFailure(memory, image, Calls, Chain).Tell;
        Slab.Reclaim = Vmalloc.Reclaim = _reclaim = new PageReclaim(memory, image, Calls, Chain, Pages, Slab);
        Modules = new ModuleLoader(image, memory, Chain, Calls, Log) { FindProcess = () => Processes.GetValueOrDefault(PerCpu.Current) };
        SystemCalls = new SystemCallEntry(Cpu, memory, image, Calls, Chain.Sites, PerCpu) { Target = () => environment.SystemCallTarget };
        _moduleSymbols = new ModuleSymbols(memory, image, Modules.Modules);
        Tracks.DescribeModuleAddress = _moduleSymbols.Describe;
        Cpu.CodeMap = new CodeBounds(memory, image, Modules.Modules);
        PerCpuMemory = new PerCpuAllocator(memory, image, PerCpu, MemoryErrors, Pages, Vmalloc, perCpuLayout)
        {
            Reclaim = _reclaim,
            Failed = new PerCpuExhaustion(memory, image, Calls, Chain).Warn,
        };
        Functions = new FunctionTable(Cpu, memory, image.TrySymbol("__fentry__", out var fentry) ? fentry : 0);
        FailAllocation = null;
        Probes = new HostProbes(this, _moduleSymbols);
        DebugRegisters = new DebugRegisters(Cpu, Memory, Unhook);
        Modules.Context.CallWatch = _lockCalls = new LockCalls(this);
        Scheduler.TaskEnded = _lockCalls.TaskEnded;
    }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>What may be done with which page.</summary>
    internal MemoryAttributes MemoryProtection { get; }

    /// <summary>The processor.</summary>
    public Cpu Cpu { get; }

    /// <summary>The kernel image: its symbols and the layouts of its structs.</summary>
    public KernelImage Image { get; }

    /// <summary>The per-CPU area.</summary>
    public PerCpuArea PerCpu { get; }

    /// <summary>The functions that C# answers.</summary>
    public FunctionTable Functions { get; }

    /// <summary>Calls from the core into guest code.</summary>
    public GuestCalls Calls { get; }

    /// <summary>Calls in the name of functions that C# stands for.</summary>
    internal CallChain Chain { get; }

    /// <summary>The way of system calls into the image.</summary>
    internal SystemCallEntry SystemCalls { get; }

    /// <summary>The processes whose user side is C#, by their tasks.</summary>
    internal Dictionary<ulong, UserProcess> Processes { get; } = [];

    /// <summary>Told of each allocation that is asked for, of any allocator: whether it is to fail. Null for none.</summary>
    internal Func<AllocationRequest, bool>? FailAllocation
    {
        set
        {
            bool Ask(AllocationRequest request)
            {
                Context.MightAllocate(request);
                return value is not null && value(request);
            }

            (Pages.FailAllocation, Slab.FailAllocation, Vmalloc.FailAllocation, PerCpuMemory.FailAllocation) = (Ask, Ask, Ask, Ask);
        }
    }

    /// <summary>Finds calls of what may sleep where nothing may.</summary>
    internal ContextChecks Context { get; }

    /// <summary>Virtual time.</summary>
    public VirtualClock Clock { get; }

    /// <summary>The devices around the processor.</summary>
    internal Board Board { get; }

    /// <summary>The I/O APIC's registers in memory.</summary>
    internal MappedRegisters IoApicRegisters { get; }

    /// <summary>The kernel log.</summary>
    public KernelLog Log { get; }

    /// <summary>The tasks' members that the core uses.</summary>
    public TaskStruct Tasks { get; }

    /// <summary>The scheduler.</summary>
    public Scheduler Scheduler { get; }

    /// <summary>RCU callbacks.</summary>
    public RcuCallbacks Rcu { get; }

    /// <summary>The timer interrupt.</summary>
    public TimerInterrupt Timer { get; }

    /// <summary>The processor's exceptions.</summary>
    public ExceptionEntry Exceptions { get; }

    /// <summary>What keeps kernel code from users' memory.</summary>
    internal UserAccess UserAccess { get; }

    /// <summary>The interrupt that the processor sends itself.</summary>
    internal SelfInterrupt SelfInterrupt { get; }

    /// <summary>Probes from outside.</summary>
    public HostProbes Probes { get; }

    /// <summary>The processor's breakpoints and watchpoints.</summary>
    internal DebugRegisters DebugRegisters { get; }

    /// <summary>Changes of code.</summary>
    public TextPatching Text { get; }

    /// <summary>Tasks whose body is C#.</summary>
    public HostThreads Threads { get; }

    /// <summary>Process 1.</summary>
    public InitProcess Init { get; }

    /// <summary>Random numbers, from a seed.</summary>
    public RandomNumbers Random { get; }

    /// <summary>Loading on demand.</summary>
    public RequestModule RequestModule { get; }

    /// <summary>Memory errors found so far.</summary>
    public MemoryErrors MemoryErrors { get; }

    /// <summary>Accesses of poisoned memory.</summary>
    public MemoryFaults Faults { get; }

    /// <summary>Who allocated and freed what.</summary>
    public AllocationTracks Tracks { get; }

    /// <summary>The page allocator.</summary>
    public PageAllocator Pages { get; }

    /// <summary>kmalloc() and slab caches.</summary>
    public SlabAllocator Slab { get; }

    /// <summary>vmalloc, module and I/O space.</summary>
    public VmallocAllocator Vmalloc { get; }

    /// <summary>Loading and unloading modules.</summary>
    public ModuleLoader Modules { get; }

    /// <summary>Per-CPU memory.</summary>
    public PerCpuAllocator PerCpuMemory { get; }

    private IKernelFunctions[] Subsystems =>
    [
        Scheduler, Rcu, Timer, SelfInterrupt, Text, Threads, Init, Random, RequestModule, new LocalTimer(Clock), new Delays(Timer), new OneProcessor(Calls, Tasks), new SchedulingPolicy(Memory, Scheduler, Tasks), new Panic(this),
        Modules, Pages, _reclaim, Slab, Vmalloc, PerCpuMemory, new EarlyMemory(Memory, Pages, Slab, Vmalloc), new UserMappings(Memory, Image, Vmalloc, Calls), MemoryProtection,
        new Printk(Memory, Image, Calls, Log, HookAddresses.PrintkBuffers),
    ];

    private ISnapshotState[] SnapshotStates => [Clock, Board, new ProcessorState(Cpu), Scheduler, Rcu, Random, Init, PerCpuMemory];

    /// <summary>Makes what finds the allocations that a module has left behind.</summary>
    internal LeakScanner NewLeakScanner() => new(Memory, Image, PerCpu, PerCpuLayout.Of(Image).SizeWithRedzones, Pages, Slab, Vmalloc, Tracks);

    /// <summary>Makes what finds where a module that is gone is still known.</summary>
    internal RemnantScanner NewRemnantScanner() => new(Memory, Image, PerCpu, PerCpuLayout.Of(Image).SizeWithRedzones, Pages, Slab, Vmalloc, Tasks, Modules.Modules, Symbolise);

    /// <summary>Keeps the symbols of a module that is about to go, for reports afterwards.</summary>
    internal void RememberSymbols(string module)
    {
        if (Modules.Modules.Find(module) is { } found)
            _moduleSymbols.Remember(found);
    }

    /// <summary>Loading CR3 empties the processor's cache of translations.</summary>
    private void FlushUserTranslations() => Cpu.Cr3 = Cpu.Cr3;

    /// <inheritdoc/>
    public void Dispose()
    {
        KeepHints();
        Cpu.Dispose();
        Memory.Dispose();
    }
}
