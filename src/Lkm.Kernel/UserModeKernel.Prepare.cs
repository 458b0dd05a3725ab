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
        ];
        GC.KeepAlive(types);
    }
}
