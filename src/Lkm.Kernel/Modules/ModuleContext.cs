using System.Text;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>What the module loader needs of the kernel around it, and the few kernel idioms that it uses everywhere.</summary>
internal sealed class ModuleContext
{
    private const ulong GfpKernel = 0xcc0;
    private const ulong TaskInterruptible = 1;
    private const ulong TaskNormal = 3;
    private const ulong MaxErrno = 4095;

    private readonly ulong _moduleMutex, _moduleQueue, _taintedMask;
    private ModuleMemory? _memoryLayout;
    private string? _versionMagic;
    private ulong[]? _initSites, _exitSites;
    private ulong? _allocationSite;

    public ModuleContext(KernelImage image, GuestMemory memory, CallChain chain, GuestCalls calls, KernelLog log)
    {
        Image = image;
        Memory = memory;
        Calls = calls;
        Log = log;
        Chain = chain;
        Layout = image.Struct("module");
        _moduleMutex = image.Symbol("module_mutex");
        _moduleQueue = image.Symbol("module_wq");
        _taintedMask = image.Symbol("tainted_mask");
    }

    public KernelImage Image { get; }

    public GuestMemory Memory { get; }

    public GuestCalls Calls { get; }

    public KernelLog Log { get; }

    /// <summary>Calls in the name of the functions that the loader stands for.</summary>
    public CallChain Chain { get; }

    /// <summary>Told of modules' calls of the functions that it wants.</summary>
    public ICallWatch? CallWatch { get; set; }

    /// <summary>Where load_module() comes to do_one_initcall().</summary>
    public ulong[] InitSites =>
        _initSites ??= [Chain.Sites.Find("load_module", "do_init_module"), Chain.Sites.Find("do_init_module", "do_one_initcall")];

    /// <summary>Where do_init_module() shows how it came to call an init function that returned a positive number.</summary>
    public ulong[] SuspicionSites =>
        [Chain.Sites.Find("load_module", "do_init_module"), Chain.Sites.Find("do_init_module", "dump_stack"), Chain.Sites.Find("do_init_module.cold", "dump_stack")];

    /// <summary>Where delete_module() calls a module's exit function.</summary>
    public ulong[] ExitSites => _exitSites ??= [Chain.Sites.FindThroughMember("__do_sys_delete_module", Layout["exit"])];

    /// <summary>Calls module_alloc() with the return address of load_module(), which /proc/vmallocinfo shows.</summary>
    public GuestCall AllocateAsLoadModule(ulong size)
    {
        const ulong redZone = 64;
        _allocationSite ??= Chain.Sites.Find("load_module", "module_alloc");
        var function = Image.Symbol("module_alloc");
        return _allocationSite == 0 ? Calls.Call(function, size) : Calls.CallFrom(_allocationSite.Value, (Calls.StackPointer - redZone) & ~15UL, function, size);
    }

    /// <summary>How struct module describes memory in this kernel.</summary>
    public ModuleMemory MemoryLayout => _memoryLayout ??= ModuleMemory.Create(this);

    /// <summary>struct module.</summary>
    public StructLayout Layout { get; }

    /// <summary>Whether a pointer or return value is a negative errno (IS_ERR_VALUE).</summary>
    public static bool IsError(ulong value) => value >= unchecked(0UL - MaxErrno);

    /// <summary>Prepares a call of a function of the image.</summary>
    public GuestCall Call(string function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0) =>
        Calls.Call(Image.Symbol(function), a0, a1, a2, a3, a4, a5);

    /// <summary>Whether the image has a function: parts of Linux that a configuration leaves out.</summary>
    public bool Has(string function) => Image.TrySymbol(function, out _);

    /// <summary>Calls a function that returns an int.</summary>
    public async GuestTask<int> CallInt(string function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0) =>
        (int)await Call(function, a0, a1, a2, a3);

    /// <summary>Calls a function where this kernel has it.</summary>
    public async GuestTask CallIfPresent(string function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0)
    {
        if (Image.TrySymbol(function, out var address))
            await Calls.Call(address, a0, a1, a2, a3);
    }

    /// <summary>module_destroy_params(): frees what parameters have allocated. It was destroy_params() before 5.15.</summary>
    public async GuestTask DestroyParameters(KernelModule module) =>
        await Call(Has("module_destroy_params") ? "module_destroy_params" : "destroy_params", module.Read("kp"), module.ReadUInt32("num_kp"));

    /// <summary>kzalloc(size, GFP_KERNEL): 0 when there is no memory.</summary>
    public async GuestTask<ulong> Allocate(ulong size)
    {
        var address = await Call(Has("__kmalloc") ? "__kmalloc" : "__kmalloc_noprof", size, GfpKernel);
        if (address != 0)
            Memory.Clear(address, size);
        return address;
    }

    /// <summary>__vmalloc(size, GFP_KERNEL): 0 when there is no memory.</summary>
    public async GuestTask<ulong> AllocateVirtual(ulong size) =>
        await Call(Has("__vmalloc") ? "__vmalloc" : "__vmalloc_noprof", size, GfpKernel);

    /// <summary>kstrdup(): 0 when there is no memory.</summary>
    public async GuestTask<ulong> Duplicate(ReadOnlyMemory<byte> text)
    {
        var address = await Allocate((ulong)text.Length + 1);
        if (address != 0)
            text.Span.CopyTo(Memory.Span(address, text.Length));
        return address;
    }

    /// <summary>kfree().</summary>
    public GuestCall Free(ulong address) => Call("kfree", address);

    /// <summary>mutex_lock(&amp;module_mutex).</summary>
    public GuestCall Lock() => Call("mutex_lock", _moduleMutex);

    /// <summary>mutex_unlock(&amp;module_mutex).</summary>
    public GuestCall Unlock() => Call("mutex_unlock", _moduleMutex);

    /// <summary>wake_up_all(&amp;module_wq).</summary>
    public GuestCall WakeUpAll() => Call("__wake_up", _moduleQueue, TaskNormal);

    /// <summary>wait_event_interruptible_timeout(module_wq, condition, timeout).</summary>
    /// <param name="condition">What is waited for.</param>
    /// <param name="jiffies">How long to wait at most; null for ever.</param>
    /// <returns>0 when the condition holds, -ERESTARTSYS when a signal came first, -ETIME when time is up.</returns>
    public async GuestTask<int> Wait(Func<GuestTask<bool>> condition, ulong? jiffies = null)
    {
        const int timeIsUp = -62;
        if (await condition())
            return 0;
        var entry = await Allocate(Image.Struct("wait_queue_entry").Size);
        if (entry == 0)
            return -(int)Formats.Errno.ENOMEM;
        await Call("init_wait_entry", entry);
        int result;
        while (true)
        {
            result = (int)await Call("prepare_to_wait_event", _moduleQueue, entry, TaskInterruptible);
            if (await condition())
            {
                result = 0;
                break;
            }

            if (result != 0)
                break;
            if (jiffies is null)
            {
                await Call("schedule");
            }
            else if ((jiffies = await Call("schedule_timeout", jiffies.Value)) == 0)
            {
                result = await condition() ? 0 : timeIsUp;
                break;
            }
        }

        await Call("finish_wait", _moduleQueue, entry);
        await Free(entry);
        return result;
    }

    /// <summary>The version magic of the kernel, which begins with its release.</summary>
    public string VersionMagic => _versionMagic ??= Text(Image.Symbol("vermagic"));

    /// <summary>Whether the kernel is of a version or later: only for what nothing in the image tells.</summary>
    public bool IsAtLeast(int major, int minor)
    {
        var at = 0;
        var ownMajor = TakeNumber(VersionMagic, ref at);
        at++; // the dot
        return ownMajor > major || (ownMajor == major && TakeNumber(VersionMagic, ref at) >= minor);
    }

    /// <summary>The number at a place of a text, which moves behind it; -1 where there is none.</summary>
    private static int TakeNumber(string text, ref int at)
    {
        var number = -1;
        for (; at < text.Length && char.IsAsciiDigit(text[at]); at++)
            number = (Math.Max(number, 0) * 10) + (text[at] - '0');
        return number;
    }

    /// <summary>HZ, from the length of a tick.</summary>
    public ulong TicksPerSecond => (ulong)Math.Round(1e9 / Memory.ReadUInt64(Image.Symbol("tick_nsec")));

    /// <summary>security_locked_down(): 0, or a negative errno.</summary>
    /// <param name="reason">A value of enum lockdown_reason.</param>
    public async GuestTask<int> IsLockedDown(long reason) =>
        Has("security_locked_down") ? await CallInt("security_locked_down", (ulong)reason) : 0;

    /// <summary>test_taint().</summary>
    public bool IsTainted(Taint taint) => (Memory.ReadUInt64(_taintedMask) >> (int)taint & 1) != 0;

    /// <summary>add_taint(): lock debugging ends with taints after which it cannot be trusted, and the image says so.</summary>
    public GuestCall AddTaint(Taint taint) =>
        Call("add_taint", (ulong)taint, taint is Taint.ProprietaryModule or Taint.ForcedModule or Taint.ForcedRmmod ? 1UL : 0);

    /// <summary>Writes to the kernel log.</summary>
    public void Print(int level, string text) => Log.Write(level, text);

    /// <summary>pr_err().</summary>
    public void Error(string text) => Print(3, text);

    /// <summary>pr_warn().</summary>
    public void Warn(string text) => Print(4, text);

    /// <summary>pr_notice().</summary>
    public void Notice(string text) => Print(5, text);

    /// <summary>A tracepoint with one argument: who listens is asked as the static branch does.</summary>
    public async GuestTask Trace(string tracepoint, ulong argument)
    {
        if (Image.TrySymbol("__tracepoint_" + tracepoint, out var address)
            && Memory.ReadInt32(address + Image.Struct("tracepoint")["key"]) > 0)
        {
            await Call("__traceiter_" + tracepoint, 0, argument);
        }
    }

    /// <summary>The text of a NUL-terminated string.</summary>
    public string Text(ulong address, int maxLength = 4096) => address == 0 ? "" : Memory.ReadString(address, maxLength);

    /// <summary>The bytes of a NUL-terminated string, without the NUL.</summary>
    public ReadOnlySpan<byte> StringAt(ulong address, int maxLength = 4096)
    {
        if (!GuestMemory.Contains(address))
            return default;
        var room = Memory.Span(address, (int)Math.Min((ulong)maxLength, 0 - address));
        var end = room.IndexOf((byte)0);
        return end < 0 ? room : room[..end];
    }

    /// <summary>list_add() and list_add_rcu().</summary>
    public void ListAdd(ulong entry, ulong head)
    {
        var next = Memory.ReadUInt64(head);
        Memory.WriteUInt64(entry, next);
        Memory.WriteUInt64(entry + 8, head);
        Memory.WriteUInt64(next + 8, entry);
        Memory.WriteUInt64(head, entry);
    }

    /// <summary>list_del_rcu(): the way on stays, the way back is poisoned (LIST_POISON2).</summary>
    public void ListRemove(ulong entry)
    {
        const ulong listPoison2 = 0xdead000000000122;
        var (next, previous) = (Memory.ReadUInt64(entry), Memory.ReadUInt64(entry + 8));
        Memory.WriteUInt64(next + 8, previous);
        Memory.WriteUInt64(previous, next);
        Memory.WriteUInt64(entry + 8, listPoison2);
    }

    /// <summary>The entries of a list, safe against the removal of the one just given.</summary>
    public IEnumerable<ulong> List(ulong head)
    {
        for (var entry = Memory.ReadUInt64(head); entry != head && entry != 0;)
        {
            var next = Memory.ReadUInt64(entry);
            yield return entry;
            entry = next;
        }
    }

    /// <summary>Bytes of a text as the kernel keeps it.</summary>
    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
