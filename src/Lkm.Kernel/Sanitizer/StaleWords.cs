using Lkm.Kernel.Boot;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>Words of which Linux remembers an address only to compare it, or not at all: that they point to a module that is gone does no harm.</summary>
internal sealed class StaleWords(GuestMemory memory, KernelImage image, PerCpuArea perCpu, TaskStruct tasks)
{
    private const uint WorkqueueWorker = 0x20; // PF_WQ_WORKER

    /// <summary>Whether a word is one of them.</summary>
    /// <param name="place">Its address.</param>
    /// <param name="isCode">Whether it points to code.</param>
    public bool Has(ulong place, bool isCode) =>
        IsModuleBounds(place) || IsSortedTable(place) || IsOfFreeDmaChannel(place) || IsOfFreeBreakpoint(place)
        || (isCode && (IsLastFunction(place) || IsOfIdleTimer(place) || IsOfIdleHighResolutionTimer(place) || IsOfIdleWork(place)));

    /// <summary>
    /// Whether Linux says of an object itself that it is out of use: a file of sysfs or /proc that was removed while a name still leads to it (kernfs_drain(),
    /// proc_entry_rundown()), or what a return probe keeps until the functions have returned that it waited for (rethook_free()).
    /// </summary>
    public bool IsRetired(ObjectDescription holder) => holder.CacheName switch
    {
        "kernfs_node_cache" => image.Struct("kernfs_node").Find("active") is { } active && memory.ReadInt32(holder.Address + active) < 0,
        "proc_dir_entry" => IsRemovedProcEntry(holder.Address),
        "proc_inode_cache" => memory.ReadUInt64(holder.Address + image.Struct("proc_inode")["pde"]) is not 0 and var entry && IsRemovedProcEntry(entry),
        _ => IsStoppedRethook(holder),
    };

    private bool IsRemovedProcEntry(ulong entry) => memory.ReadInt32(entry + image.Struct("proc_dir_entry")["in_use"]) < 0;

    /// <summary>Whether an object is a struct rethook without a handler.</summary>
    private bool IsStoppedRethook(ObjectDescription holder)
    {
        const ulong callInRethookAlloc = 0x40;
        return holder.Allocated?.Frames is [var frame, ..] && frame - image.SymbolOrZero("rethook_alloc") < callInRethookAlloc
            && image.FindStruct("rethook")?.Find("handler") is { } handler && memory.ReadUInt64(holder.Address + handler) == 0;
    }

    /// <summary>timer_list.function of a timer that is not armed: detach_timer() has poisoned its place in the list, or it never had one (kernel/time/timer.c).</summary>
    private bool IsOfIdleTimer(ulong place)
    {
        const ulong poison = 0xdead000000000122; // LIST_POISON2
        var timer = image.Struct("timer_list");
        var at = place - timer["function"];
        return memory.ReadUInt64(at + timer["entry.pprev"]) == 0
            && (memory.ReadUInt64(at) == poison || (memory.ReadUInt64(at) == 0 && memory.ReadUInt64(at + timer["expires"]) == 0 && IsOfImage(place)));
    }

    /// <summary>hrtimer.function of a timer that is not armed: its node is in no tree (RB_EMPTY_NODE()).</summary>
    private bool IsOfIdleHighResolutionTimer(ulong place) =>
        place - image.Struct("hrtimer")["function"] is var node && memory.ReadUInt64(node) == node;

    /// <summary>work_struct.func of work that is not pending: it is in no list (list_del_init()). A worker that runs it points to it itself.</summary>
    private bool IsOfIdleWork(ulong place)
    {
        var work = image.Struct("work_struct");
        var entry = place - work["func"] + work["entry"];
        return memory.ReadUInt64(entry) == entry && memory.ReadUInt64(entry + sizeof(ulong)) == entry;
    }

    private bool IsOfImage(ulong place) => place >= image.Symbol("_sdata") && place < image.Symbol("_end");

    /// <summary>The bounds that __module_address() searches between, which never shrink (kernel/module/main.c).</summary>
    private bool IsModuleBounds(ulong place)
    {
        var tree = image.Symbol("mod_tree");
        var root = image.Struct("mod_tree_root");
        return place == tree + root["addr_min"] || place == tree + root["addr_max"];
    }

    /// <summary>What unwind_module_init() hands to the functions that sort a module's table (arch/x86/kernel/unwind_orc.c).</summary>
    private bool IsSortedTable(ulong place) => place == image.SymbolOrZero("cur_orc_table") || place == image.SymbolOrZero("cur_orc_ip_table");

    /// <summary>dma_chan.device_id of a channel that nobody has: free_dma() clears the lock before it only (kernel/dma.c).</summary>
    private bool IsOfFreeDmaChannel(ulong place)
    {
        const ulong channels = 8, size = 16;
        return place - image.SymbolOrZero("dma_chan_busy") < channels * size && memory.ReadInt32(place - sizeof(ulong)) == 0;
    }

    /// <summary>cpu_debugreg[] of a slot that no watchpoint has: arch_uninstall_hw_breakpoint() clears the slot and DR7 (arch/x86/kernel/hw_breakpoint.c).</summary>
    private bool IsOfFreeBreakpoint(ulong place)
    {
        const ulong slots = 4; // HBP_NUM
        var offset = place - perCpu.Of(image.Symbol("cpu_debugreg"));
        return offset < slots * sizeof(ulong) && memory.ReadUInt64(perCpu.Of(image.Symbol("bp_per_reg")) + offset) == 0;
    }

    /// <summary>worker->last_func: what a worker did last, for wq_worker_last_func() (kernel/workqueue.c).</summary>
    private bool IsLastFunction(ulong place)
    {
        if (image.Struct("worker").Find("last_func") is not { } last || image.Struct("kthread").Find("data") is not { } data)
            return false;
        var kthread = tasks.Layout.Find("worker_private") ?? tasks.Layout["set_child_tid"]; // before 5.17
        var next = tasks.Layout["tasks"];
        var first = image.Symbol("init_task") + next;
        for (var entry = memory.ReadUInt64(first); entry != first; entry = memory.ReadUInt64(entry))
        {
            var task = entry - next;
            if ((memory.ReadUInt32(task + tasks.Layout["flags"]) & WorkqueueWorker) != 0
                && memory.ReadUInt64(memory.ReadUInt64(task + kthread) + data) + last == place)
                return true;
        }

        return false;
    }
}
