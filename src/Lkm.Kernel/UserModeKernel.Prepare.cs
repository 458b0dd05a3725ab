using Lkm.Formats.Kallsyms;
using Lkm.Kernel.Autoload;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Devices;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Probes;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Random;
using Lkm.Kernel.Rcu;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Sessions;
using Lkm.Kernel.Shell;
using Lkm.Kernel.Snapshots;
using Lkm.Kernel.Symbols;
using Lkm.Kernel.Text;
using Lkm.Kernel.Time;
using Lkm.Machine;

namespace Lkm.Kernel;

public sealed partial class UserModeKernel
{
    /// <summary>
    /// Loads the types that starting a kernel needs, whatever the kernel is: for a thread of a program that knows that it will start
    /// one, and has something else to do first.
    /// </summary>
    public static void Prepare()
    {
        Type[] types = // what the kernel is made of, then what a process and a module need
        [
            typeof(GuestMemory), typeof(SymbolTable), typeof(ImageTypes), typeof(KernelImage), typeof(StructLayout), typeof(KernelState),
            typeof(UserModeKernel), typeof(Cpu), typeof(VirtualClock), typeof(Board), typeof(InterruptController), typeof(LocalApic), typeof(IoApic), typeof(KeyboardController),
            typeof(SerialPort), typeof(RealTimeClock), typeof(KernelLog), typeof(GuestCalls), typeof(CallChain), typeof(CallSites), typeof(PerCpuArea),
            typeof(TaskStruct), typeof(Scheduler), typeof(LeastRuntimeQueue), typeof(SchedulingChecks), typeof(RcuCallbacks), typeof(ExceptionEntry), typeof(ExceptionStacks),
            typeof(SelfInterrupt), typeof(TimerInterrupt), typeof(TextPatching), typeof(HostThreads), typeof(InitProcess), typeof(RandomNumbers),
            typeof(RequestModule), typeof(MemoryErrors), typeof(StackScan), typeof(MemoryFaults), typeof(AllocationTracks), typeof(PageAllocator),
            typeof(MemoryNode), typeof(SlabAllocator), typeof(KmemCacheStruct), typeof(MetadataArena), typeof(SlabCache), typeof(VmallocAllocator),
            typeof(CacheFailure), typeof(PageReclaim), typeof(ModuleLoader), typeof(KernelSymbols), typeof(ModuleTable), typeof(SystemCallEntry),
            typeof(UserProcess), typeof(ModuleSymbols), typeof(CodeBounds), typeof(PerCpuAllocator), typeof(PerCpuExhaustion), typeof(FunctionTable),
            typeof(HostProbes), typeof(DebugRegisters), typeof(Printk), typeof(UserMappings), typeof(KernelSession), typeof(ProcessRunner),
            typeof(SessionModuleCommands), typeof(KernelFindings), typeof(LeakScanner), typeof(PageTables), typeof(ObjectRecord), typeof(SlabRecord),
            typeof(ModuleLoad), typeof(LoadInfo), typeof(ModuleUnload),

            // Collections are the dearest: each brings all its interfaces.
            typeof(Dictionary<string, ulong?>), typeof(Dictionary<string, StructLayout>), typeof(Dictionary<string, int>), typeof(Dictionary<ulong, UserProcess>),
            typeof(Dictionary<ulong, int>), typeof(Dictionary<ulong, uint>), typeof(Dictionary<ulong, ulong>), typeof(Dictionary<ulong, string>),
            typeof(Dictionary<ulong, Func<GuestTask<int>>>), typeof(Dictionary<ulong, SlabCache>), typeof(Dictionary<ulong, GuestCall>),
            typeof(Dictionary<ulong, List<HostProbe>>), typeof(Dictionary<(ulong, ulong), Stack<(HostProbe, ulong, long)>>), typeof(Dictionary<string, string>),
            typeof(Dictionary<string, List<CodeRange>>), typeof(Dictionary<string, List<CodeRange>>.ValueCollection), typeof(Dictionary<ulong, GuestProcess>),
            typeof(Dictionary<ulong, VmallocRange>), typeof(HashSet<ulong>), typeof(Queue<Action>), typeof(Stack<Func<GuestTask>>),
            typeof(List<int>), typeof(List<ulong>), typeof(List<byte>), typeof(List<Zone>), typeof(List<MemoryErrorReport>), typeof(List<PerCpuChunk>),
            typeof(List<IObjectFinder>), typeof(List<HostProbe>), typeof(List<KernelWarning>), typeof(List<CodeRange>), typeof(List<Finding>), typeof(List<ModuleBlock>),
            typeof(List<LeakedObject>), typeof(List<Remnant>), typeof(List<LiveObject>), typeof(List<PageRun>), typeof(LogRecord), typeof(LoadSection),
            typeof(AllocationRequest), typeof(KernelFunctionInfo), typeof(CpuExit), typeof(ObjectDescription), typeof(KernelShell), typeof(ModuleLoadResult),
            typeof(KernelSymbol), typeof(GuestTask<(ulong, int, string)>), typeof(GuestTask<(int, string)>), typeof((int, string, KernelSymbol)),
        ];
        GC.KeepAlive(types);
    }

    /// <summary>Loads what is going to be needed when the kernel has been started: to run processes, to load and unload a module, and to look for what it left.</summary>
    private static void PrepareModules()
    {
        Type[] types =
        [
            typeof(ProcessOutcome<int>), typeof(GuestTask<long>), typeof(GuestTask<ModuleLoadResult>), typeof(GuestTask<(long, int)>), typeof(GuestTaskMethodBuilder),
            typeof(GuestTaskMethodBuilder<int>), typeof(GuestTaskMethodBuilder<ulong>), typeof(List<ulong>.Enumerator), typeof(SchedulingFault), typeof(ObjectState),
            typeof(PageFaultError), typeof(GuestAddressException), typeof(CpuidResult), typeof(Dictionary<ulong, byte>.KeyCollection.Enumerator), typeof(UserRegisters),
            typeof(ShellFiles), typeof(ShellEnvironment), typeof(System.Runtime.CompilerServices.DefaultInterpolatedStringHandler), typeof(Refusal), typeof(ModuleState),
            typeof(CheckPassed), typeof(StateEntered), typeof(SectionPlaced), typeof(SymbolResolved), typeof(SectionRelocated), typeof(InitReturned), typeof(Taint),
            typeof(Formats.Modules.SymbolVersion), typeof(Formats.Elf.ElfSymbol), typeof(Formats.Elf.X86RelocationType), typeof(Formats.Elf.SymbolBinding),
            typeof(Formats.Elf.SymbolType), typeof(Formats.Elf.RelocationOutcome), typeof((Formats.Elf.SectionFlags, Formats.Elf.SectionFlags, ModulePart, ModulePart)),
            typeof(HashSet<int>), typeof((string, string, string, ulong, string)), typeof((ulong, string)), typeof((ulong, int, string)),
            typeof(Dictionary<ulong, ulong>.Enumerator), typeof(Dictionary<string, List<CodeRange>>.ValueCollection.Enumerator), typeof(UnwindFrame),
            typeof(ModuleUnloadFlags), typeof(Dictionary<ulong, uint>.ValueCollection), typeof(Dictionary<ulong, uint>.ValueCollection.Enumerator),
            typeof(Dictionary<string, string>.Enumerator), typeof(ReadOnlySpan<ModuleBlock>), typeof(Span<ModuleBlock>), typeof(AllocationTrack), typeof(List<PageRun>.Enumerator),
        ];
        GC.KeepAlive(types);
    }
}
