using System.Text;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Autoload;

/// <summary>
/// Loading on demand. Linux starts /sbin/modprobe and waits for it (kernel/kmod.c); here the module is loaded in the context
/// of the task that asked, through the same resolution of aliases and dependencies.
/// </summary>
public sealed partial class RequestModule
{
    private const int NameLength = 56; // MODULE_NAME_LEN

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly GuestCalls _calls;
    private readonly HostThreads _threads;
    private readonly TaskStruct _tasks;
    private readonly PerCpuArea _perCpu;
    private readonly ulong _vsnprintf, _systemState;

    /// <summary>Creates the override.</summary>
    public RequestModule(
        Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls, HostThreads threads, TaskStruct tasks, PerCpuArea perCpu)
    {
        _threads = threads;
        _tasks = tasks;
        _perCpu = perCpu;
        _cpu = cpu;
        _memory = memory;
        _calls = calls;
        _vsnprintf = image.Symbol("vsnprintf");
        _systemState = image.Symbol("system_state");
    }

    /// <summary>
    /// Loads what a name or alias stands for: 0, a positive exit status of modprobe, or a negative errno. Null while there is
    /// nowhere to load from.
    /// </summary>
    public Func<string, GuestTask<int>>? Load { get; set; }

    /// <summary>int __request_module(bool wait, const char *fmt, ...).</summary>
    [KernelFunction("__request_module")]
    private async GuestTask<int> Request(bool wait, ulong format, CallFrame frame)
    {
        const int systemRunning = 3, enoent = 2;
        if (Load is null || _memory.ReadInt32(_systemState) < systemRunning)
            return -enoent;
        var name = await FormatName(format, frame);
        if (wait)
            return await Load(name);

        // request_module_nowait(): a process of its own, for the module may need the one whose init function is asking.
        var pid = await _threads.Start(async () =>
        {
            _tasks.SetComm(_perCpu.Current, "modprobe");
            return await Load(name) == 0 ? 0 : 1;
        });
        return Math.Min(pid, 0);
    }

    /// <summary>Formats the name with the image's vsnprintf(), from a va_list built as the psABI lays it out (section 3.5.7).</summary>
    private async GuestTask<string> FormatName(ulong format, CallFrame frame)
    {
        const int registerArguments = 6, namedArguments = 2, registerSaveArea = 48, vaList = 24;
        var stack = _cpu.Rsp;
        _cpu.Rsp -= 256;
        var registers = _cpu.Rsp;
        for (var i = 0; i < registerArguments; i++)
            _memory.WriteUInt64(registers + (ulong)(i * 8), frame.Argument(i));
        var list = registers + registerSaveArea;
        _memory.WriteInt32(list, namedArguments * 8);
        _memory.WriteInt32(list + 4, registerSaveArea);
        _memory.WriteUInt64(list + 8, frame.StackPointer + 8);
        _memory.WriteUInt64(list + 16, registers);
        var buffer = list + vaList;
        var length = (int)await _calls.Call(_vsnprintf, buffer, NameLength, format, list);
        var name = Encoding.UTF8.GetString(_memory.Span(buffer, Math.Min(length, NameLength - 1)));
        _cpu.Rsp = stack;
        return name;
    }
}
