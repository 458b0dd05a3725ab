using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Shell;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>How far a boot has come.</summary>
/// <param name="Step">The function that runs now.</param>
/// <param name="Done">Steps done.</param>
/// <param name="Total">Steps in all.</param>
public readonly record struct BootProgress(string Step, int Done, int Total);

/// <summary>
/// Boots a kernel image to the end of its initcalls: state that hardware and head_64.S would have set is written, then the image's own
/// init functions are called in the order of start_kernel() and kernel_init_freeable().
/// </summary>
internal sealed class ColdBoot
{
    private const int SystemScheduling = 1;
    private const int SystemRunning = 3;

    private readonly UserModeKernel _kernel;
    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly Action<BootProgress>? _progress;
    private readonly List<(ulong Function, string Name)> _initcalls = [];
    private int _done, _earlyInitcalls;

    public ColdBoot(UserModeKernel kernel, Action<BootProgress>? progress)
    {
        _kernel = kernel;
        _memory = kernel.Memory;
        _image = kernel.Image;
        _progress = progress;
    }

    /// <summary>Whether the last initcall has returned.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>The initcalls that failed, with what they returned.</summary>
    public List<(string Name, int Result)> Failed { get; } = [];

    private int TotalSteps => BootSteps.Early.Length + BootSteps.BeforeEarlyInitcalls.Length + BootSteps.BeforeInitcalls.Length + _initcalls.Count;

    /// <summary>start_kernel(), on init_task; it ends as the idle task.</summary>
    public async GuestTask Run()
    {
        const int notice = 5, info = 6;
        CollectInitcalls();
        _kernel.Log.Write(notice, CommandLine.Banner(_memory, _image));
        _kernel.Log.Write(info, $"Command line: {CommandLine.Of(_memory, _image)}");
        await _kernel.Pages.CompleteNode(_kernel.Calls);
        foreach (var step in BootSteps.Early)
        {
            await Step(step);
            await Complete(step);
        }

        await RestInit();
        await BecomeIdle();
    }

    /// <summary>
    /// The end of rest_init(): the frames of start_kernel() stay on the idle task's stack for good, below the address that the assembly code has left there
    /// which entered C. To that the unwinder goes when it is to say whether a stack can be relied on, as for a live patch.
    /// </summary>
    private GuestCall BecomeIdle()
    {
        var chain = _kernel.Chain;
        ulong[] sites =
        [
            chain.Sites.Find("x86_64_start_kernel", "x86_64_start_reservations"),
            chain.Sites.Find("x86_64_start_reservations", "start_kernel"), chain.Sites.Find("start_kernel", "arch_call_rest_init"),
            chain.Sites.Find("start_kernel", "rest_init"), chain.Sites.Find("arch_call_rest_init", "rest_init"), chain.Sites.Find("rest_init", "cpu_startup_entry"),
        ];
        if (chain.Sites.FindEntry("initial_code", "secondary_startup_64_no_verify", "common_startup_64") is var entry and not 0)
            _memory.WriteUInt64(EarlyState.IdleStackTop(_image), entry);
        return chain.Call(sites, _image.Symbol("cpu_startup_entry"), (ulong)(_image.Enumerator("CPUHP_ONLINE") ?? 0));
    }

    /// <summary>What follows a step, where that is no function of the image's without arguments.</summary>
    private async GuestTask Complete(string step)
    {
        const ulong everything = ulong.MaxValue, node = 0;
        switch (step)
        {
            case "e820__memblock_setup" when _image.TrySymbol("memblock_set_node", out var setNode): // initmem_init(): there is one node
                await _kernel.Calls.Call(setNode, 0, everything, _image.Symbol("memblock") + _image.Struct("memblock")["memory"], node);
                break;
            case "build_all_zonelists":
                const int notice = 5;
                _kernel.Log.Write(notice, $"Kernel command line: {CommandLine.Of(_memory, _image)}");
                break;
            case "setup_node_to_cpumask_map": // init_cpu_to_node(), identify_cpu()
                await _kernel.Calls.Call(_image.Symbol("numa_set_node"), 0, node);
                await _kernel.Calls.Call(_image.Symbol("numa_add_cpu"), 0);
                break;
            case "jump_label_init" when _image.TrySymbol("deferred_pages", out var key): // page_alloc_init_late(): no struct page is left for later
                await _kernel.Calls.Call(_image.Symbol("static_key_disable"), key);
                break;
            case "hpet_time_init": // which sets up the old timer, as the local APIC's frequency is not known yet: IRQ 0 is its
                Time.LocalTimer.Write(_memory, _image);
                break;
            case "fpu__init_cpu": // identify_boot_cpu()
                await _kernel.Calls.Call(_image.Symbol("select_idle_routine"), _image.Symbol("boot_cpu_data"));
                break;
            case "e820__reserve_resources":
                await new KernelResources(_memory, _image, _kernel.Calls, _kernel.Slab).Insert();
                break;
            case "rcu_init": // which leaves the soft interrupt to a thread where PREEMPT_RT is on
                await _kernel.Calls.Call(_image.Symbol("open_softirq"), (ulong)(_image.Enumerator("RCU_SOFTIRQ") ?? 0), _image.Symbol("rcu_core_si"));
                break;
            case "sched_init":
                await LearnThreadFlags();
                break;
        }
    }

    private async GuestTask LearnThreadFlags()
    {
        var (tasks, task) = (_kernel.Tasks, _kernel.Scheduler.Current);
        var before = tasks.ThreadFlags(task);
        await _kernel.Calls.Call(_image.Symbol("resched_curr"), _kernel.PerCpu.Of(_image.Symbol("runqueues")));
        tasks.Bits = ThreadFlags.Learn(_image, tasks.ThreadFlags(task) & ~before);
        tasks.SetThreadFlags(task, before);
        _kernel.PerCpu.PreemptCount |= PreemptCount.NoReschedule;
    }

    /// <summary>rest_init(): process 1, then kthreadd, which must be process 2.</summary>
    private async GuestTask RestInit()
    {
        const ulong cloneFs = 0x200, cloneFiles = 0x400;
        await Call("rcu_scheduler_starting");
        Require("process 1", await _kernel.Threads.Start(KernelInit, cloneFs));
        await Call("numa_default_policy");
        var kthreadd = _image.Symbol("kthreadd");
        var takesName = _image.FindStruct("kernel_clone_args")?.Find("name") is not null; // since 6.4
        var pid = takesName
            ? await _kernel.Calls.Call(_image.Symbol("kernel_thread"), kthreadd, 0, 0, cloneFs | cloneFiles)
            : await _kernel.Calls.Call(_image.Symbol("kernel_thread"), kthreadd, 0, cloneFs | cloneFiles);
        Require("kthreadd", (int)pid);
        var task = await _kernel.Calls.Call(_image.Symbol("find_task_by_pid_ns"), pid, _image.Symbol("init_pid_ns"));
        _memory.WriteUInt64(_image.Symbol("kthreadd_task"), task);
        _memory.WriteInt32(_image.Symbol("system_state"), SystemScheduling);
        await _kernel.Calls.Call(_image.Symbol("complete"), _image.Symbol("kthreadd_done"));
    }

    /// <summary>kernel_init(): process 1.</summary>
    private async GuestTask<int> KernelInit()
    {
        const uint allFlags = (1 << 27) - 1;
        await _kernel.Calls.Call(_image.Symbol("wait_for_completion"), _image.Symbol("kthreadd_done"));
        _memory.WriteUInt32(_image.Symbol("gfp_allowed_mask"), allFlags);
        AllowMemory();
        var (tasks, init) = (_kernel.Tasks, _kernel.Scheduler.Current);
        const uint fixedProcessors = 0x0400_0000; // PF_NO_SETAFFINITY: rest_init() sets it, and sched_init_smp() takes it back
        tasks.SetProcessors(init, 1);
        tasks.SetFlags(init, tasks.Flags(init) | fixedProcessors);
        foreach (var step in BootSteps.BeforeEarlyInitcalls)
            await Step(step);
        await RunInitcalls(0, _earlyInitcalls);
        foreach (var step in BootSteps.BeforeInitcalls)
            await Step(step);
        tasks.SetFlags(init, tasks.Flags(init) & ~fixedProcessors);
        await RunInitcalls(_earlyInitcalls, _initcalls.Count);

        if (_image.TrySymbol("_credit_init_bits", out var credit) || _image.TrySymbol("_credit_init_bits.part.0", out credit))
        {
            const ulong enough = 256; // POOL_READY_BITS; without the image's knowing, the first device that has some would have it told
            await _kernel.Calls.Call(credit, enough);
        }

        await MarkReadOnly();
        _memory.WriteInt32(_image.Symbol("system_state"), SystemRunning);
        await Call("numa_default_policy");
        var files = new RootFileSystem(_kernel.Cpu, _memory, _image, _kernel.Calls);
        await files.Mount();
        await files.Install("busybox", ProgramImage.Busybox.Build(UserProcess.BufferSize), KernelShell.ProgramNames.Except(KernelShell.KmodNames));
        await files.Install("kmod", ProgramImage.Kmod.Build(UserProcess.BufferSize), KernelShell.KmodNames);
        await files.Configure();
        await new LoopbackDevice(_kernel.Cpu, _memory, _image, _kernel.Calls).BringUp();
        if (!await UserProcess.Become(_kernel, "/init", ["HOME=/", "TERM=linux"])) // run_init_process()
            _kernel.Tasks.SetComm(_kernel.Scheduler.Current, "init");
        IsFinished = true;
        await _kernel.Init.Serve();
        return 0;
    }

    /// <summary>mark_readonly(). Keys of jump labels that are constant from here on are noted first (6.10), for modules that use them as well.</summary>
    private async GuestTask MarkReadOnly()
    {
        if (_image.TrySymbol("jump_label_init_ro", out var noteKeys))
            await _kernel.Calls.Call(noteKeys);
        _kernel.MemoryProtection.Seal(_image);
    }

    private async GuestTask RunInitcalls(int first, int end)
    {
        for (var i = first; i < end; i++)
        {
            var (function, name) = _initcalls[i];
            Report(name);
            var result = (int)await _kernel.Calls.Call(function);
            if (result < 0)
                Failed.Add((name, result));
            if (first != 0) // the early ones start what timers need
                await Settle();
        }
    }

    /// <summary>set_mems_allowed(): the running task, and those that it starts, may have memory of the one node that there is.</summary>
    private void AllowMemory()
    {
        const ulong node0 = 1;
        if (_kernel.Tasks.Layout.Find("mems_allowed") is not { } member)
            return;
        var mask = _kernel.Scheduler.Current + member;
        _memory.Clear(mask, Math.Max(_kernel.Pages.Pages.Nodes / 8, sizeof(ulong)));
        _memory.WriteUInt64(mask, node0);
    }

    /// <summary>
    /// Lets the kernel threads that an initcall woke do their work, as they would while the next one runs: process 1 sleeps for a tick. yield() would pass
    /// over those that have had more of the processor.
    /// </summary>
    private async GuestTask Settle()
    {
        if (_kernel.Scheduler.AnyRunnable)
            await _kernel.Calls.Call(_image.Symbol("schedule_timeout_uninterruptible"), 1);
    }

    private void CollectInitcalls()
    {
        var levels = BootSteps.InitcallLevels;
        var skipped = BootSteps.SkippedInitcalls.Select(s => _image.SymbolOrZero(s.Name)).ToHashSet();
        var start = _image.Symbol(levels[0]);
        var end = _image.Symbol(levels[^1]);
        var endOfEarly = _image.Symbol(levels[1]);
        for (var entry = start; entry < end; entry += sizeof(int))
        {
            if (entry == endOfEarly)
                _earlyInitcalls = _initcalls.Count;
            var function = entry + (ulong)_memory.ReadInt32(entry);
            if (!skipped.Contains(function))
                _initcalls.Add((function, _image.Symbolise(function).Split('+')[0]));
        }
    }

    private static void Require(string what, int pid)
    {
        if (pid < 0)
            throw new KernelMismatchException($"this kernel cannot start {what}: {((Errno)(-pid)).Name()}");
    }

    /// <summary>One of <see cref="BootSteps"/>; what is an initcall in this kernel (net_ns_init before 5.18) has its turn later.</summary>
    private async GuestTask Step(string name)
    {
        Report(name);
        if (!_image.TrySymbol(name, out var function))
            return;
        if (BootSteps.EarlyAlthoughInitcalls.Contains(name) || !_initcalls.Exists(initcall => initcall.Function == function))
            await _kernel.Calls.Call(function);
    }

    private async GuestTask Call(string name)
    {
        if (_image.TrySymbol(name, out var function))
            await _kernel.Calls.Call(function);
    }

    private void Report(string step) => _progress?.Invoke(new BootProgress(step, _done++, TotalSteps));
}
