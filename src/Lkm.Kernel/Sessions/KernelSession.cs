using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Shell;
using Lkm.Modules;
using Lkm.Modules.Host;
using ModuleContext = Lkm.Modules.ModuleContext;

namespace Lkm.Kernel.Sessions;

/// <summary>
/// A kernel that modules are loaded into, as a program uses it: each request runs as a process of the guest, as insmod and rmmod would,
/// and is over when the kernel is at rest again.
/// </summary>
public sealed class KernelSession : IDisposable
{
    private const int ErrorLevel = 3;

    private readonly UserModeKernel _kernel;
    private readonly ProcessRunner _processes;
    private readonly SessionModuleCommands _commands;
    private readonly KernelShell _shell;
    private readonly LeakScanner _leaks;
    private readonly RemnantScanner _remnants;
    private readonly ulong _mark;
    private readonly KernelFindings _findings;
    private readonly Dictionary<string, List<CodeRange>> _code = [], _memory = [];
    private bool _stopped;
    private long _started;

    /// <summary>Takes over a kernel at rest.</summary>
    /// <param name="kernel">The kernel; it is disposed with the session.</param>
    /// <param name="modules">Where request_module() finds modules; null for nowhere.</param>
    public KernelSession(UserModeKernel kernel, ModuleContext? modules)
    {
        _kernel = kernel;
        _processes = new ProcessRunner(kernel);
        _commands = new SessionModuleCommands(kernel, modules);
        _shell = new KernelShell(_commands, kernel.Log);
        _findings = new KernelFindings(kernel);
        _leaks = kernel.NewLeakScanner();
        _remnants = kernel.NewRemnantScanner();
        _mark = _leaks.Mark();
        kernel.Modules.Observer = Observe;
        if (modules is not null)
            kernel.RequestModule.Load = _commands.Request;
        kernel.Threads.Program = RunHelper;
    }

    /// <summary>The kernel.</summary>
    public UserModeKernel Kernel => _kernel;

    /// <summary>The rules broken so far.</summary>
    public IReadOnlyList<Finding> Findings => _findings.All;

    /// <summary>What /proc/sys/kernel/tainted says.</summary>
    public ulong Taint => KernelFindings.TaintOf(_kernel);

    /// <summary>Told of each step of loading and unloading, when set.</summary>
    public Action<LoadStep>? Tracer { get; set; }

    /// <summary>Loads a module from a file, compressed or not, as insmod does: without its dependencies.</summary>
    /// <param name="path">The file.</param>
    /// <param name="parameters">Its parameters, separated by spaces.</param>
    public (ModuleLoadResult Result, long Nanoseconds) Load(string path, string parameters)
    {
        if (HostProcess.ReadFile(path, out var error) is not { } image)
            return (new ModuleLoadResult("", -(int)error, $"{path}: {error.Message()}", 0, []), 0);
        return Run(["insmod", path, .. parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries)], () => _kernel.Modules.Load(image, parameters, ModuleLoadFlags.CompressedFile));
    }

    /// <summary>Unloads a module, as rmmod does.</summary>
    public (ModuleLoadResult Result, long Nanoseconds) Unload(string name) =>
        Run(["rmmod", name], () => _kernel.Modules.Unload(name, default));

    /// <summary>Whether a module is in memory but hides itself from the kernel's list of modules.</summary>
    public bool IsHidden(string module) => _kernel.Modules.Modules.IsHidden(module);

    /// <summary>Runs a line of the shell inside the kernel.</summary>
    /// <param name="line">The line.</param>
    /// <param name="output">Where what it prints goes, standard output and standard error alike, and in the end what has left by the serial port.</param>
    /// <returns>Its exit status: 128 and a signal's number when that has ended it, as an oops does (SIGKILL); then the signal's name is printed too, as by a shell.</returns>
    public int Execute(string line, Stream output)
    {
        var outcome = Execute("sh", process => _shell.Run(process, line, new ShellStreams(output, output)));
        output.Write(_kernel.Board.Serial.TakeSent());
        if (outcome.Finished)
            return outcome.Result;
        var end = outcome.End == default ? new ChildEnd(0, 9) : outcome.End; // the kernel has stopped, and all with it
        if (end.Message is { } message)
            output.Write(Encoding.UTF8.GetBytes(message + "\n"));
        return end.Status;
    }

    /// <summary>From now on, counts the allocations that modules make, and lets one of them fail.</summary>
    /// <param name="number">Which, from 1; 0 for none.</param>
    public AllocationFaults FailAllocation(int number) => new(_kernel, number);

    /// <summary>From now on, takes modules out that request_module() has loaded and nobody has used for that many virtual seconds.</summary>
    public void StartAutoclean(int idleSeconds) => _commands.StartAutoclean(idleSeconds);

    /// <summary>
    /// Looks for what modules that are gone left behind: allocations that nothing points to, and what still points to the modules. Each becomes a
    /// finding and a report in the log.
    /// </summary>
    /// <returns>Whether something still points to a module that is gone, so that time may bring it to light.</returns>
    public bool CheckForLeaks()
    {
        if (_stopped)
            return false;
        var code = RangesOfGone(_code);
        IReadOnlyList<LeakedObject> leaks = code.Count > 0 ? _leaks.FindLeaks(_mark, code) : [];
        var remnants = _remnants.Find(RangesOfGone(_memory), code);
        var isKnown = remnants.Count > 0 && TellOf(remnants, leaks);
        foreach (var leak in leaks)
        {
            Report(LeakReport.Format(leak, _kernel.Symbolise));
            _findings.Add(new Finding("leak", $"{OwnerOf(leak)}: {leak.Size} bytes at {leak.Address:x16} were never freed"));
        }

        return isKnown;
    }

    private bool TellOf(IReadOnlyList<Remnant> remnants, IReadOnlyList<LeakedObject> leaks)
    {
        var isAny = false;
        foreach (var group in RemnantReport.Group(remnants.Where(remnant => !leaks.Any(leak => remnant.Place - leak.Address < leak.Size)), _kernel.Symbolise))
        {
            isAny = true;
            Report(RemnantReport.Format(group, _kernel.Symbolise));
            _findings.Add(new Finding("left behind", RemnantReport.Summarise(group, _kernel.Symbolise)));
        }

        return isAny;
    }

    private void Report(IEnumerable<string> lines)
    {
        foreach (var line in lines)
            _kernel.Log.Write(ErrorLevel, line);
    }

    private List<CodeRange> RangesOfGone(Dictionary<string, List<CodeRange>> ranges)
    {
        var gone = new List<CodeRange>();
        foreach (var (module, parts) in ranges)
        {
            if (_kernel.Modules.Modules.Find(module) is null && !IsHidden(module))
                gone.AddRange(parts);
        }

        return gone;
    }

    private string OwnerOf(LeakedObject leak) =>
        _code.First(module => leak.Allocated.Frames.Any(frame => module.Value.Any(part => part.Contains(frame)))).Key;

    /// <summary>Runs a body as a process of the guest.</summary>
    /// <param name="name">The process's name.</param>
    /// <param name="body">What it does.</param>
    /// <returns>Its outcome; unfinished also when the kernel could not go on.</returns>
    public ProcessOutcome<T> Execute<T>(string name, Func<Processes.UserProcess, GuestTask<T>> body)
    {
        if (_stopped)
            return default;
        var outcome = default(ProcessOutcome<T>);
        Attempt(() => outcome = _processes.Run(name, body));
        if (outcome.GivenUp is { } waiting)
            _findings.Add(new Finding("blocked", $"{waiting} waited for what did not come, and was ended"));
        _findings.Collect(!outcome.Finished && outcome.GivenUp is null, _stopped);
        return outcome;
    }

    /// <summary>Lets virtual time pass, as it does on a machine before the next command: what waits for its time is done.</summary>
    /// <param name="milliseconds">How much.</param>
    public void LetPass(int milliseconds)
    {
        if (_stopped)
            return;
        var isOver = false;
        _kernel.Init.Post(async () =>
        {
            await _kernel.Calls.Call(_kernel.Image.Symbol("msleep_interruptible"), (ulong)milliseconds);
            isOver = true;
        });
        Attempt(() => _kernel.RunUntilIdle(() => isOver, isPatient: false));
        _findings.Collect(aTaskWasKilled: false, _stopped);
    }

    /// <inheritdoc/>
    public void Dispose() => _kernel.Dispose();

    /// <summary>A program that the kernel has started (call_usermodehelper()). It has no files open, so what it prints is lost.</summary>
    private async GuestTask<int> RunHelper(ulong regs)
    {
        const int warning = 4;
        var process = Processes.UserProcess.OfProgram(_kernel, regs);
        var shell = new KernelShell(_commands, _kernel.Log);
        var nowhere = new ShellStreams(Stream.Null, Stream.Null);
        if (await shell.RunProgram(process, nowhere) is { } status)
            return status;
        _kernel.Log.Write(warning, $"lkm: {_kernel.Tasks.Comm(_kernel.Scheduler.Current)} is a program of its own: machine code of user space is not executed");
        return KernelShell.NotExecutable;
    }

    private void Attempt(Action run)
    {
        try
        {
            run();
        }
        catch (GuestStoppedException e)
        {
            _stopped = true;
            _kernel.Log.Flush();
            _findings.Add(new Finding(Finding.Stopped, e.Message));
        }
    }

    /// <summary>Runs a program as a shell does, in a child.</summary>
    private (ModuleLoadResult Result, long Nanoseconds) Run(string[] command, Func<GuestTask<ModuleLoadResult>> body)
    {
        var name = command[0];
        _started = _kernel.Clock.Nanoseconds;
        ModuleLoadResult? result = null;
        var (firstLine, pid) = (_kernel.Log.Next, 0);
        var outcome = Execute("sh", async shell =>
        {
            pid = await shell.Fork(async child =>
            {
                await child.Execute($"/bin/{name}", command, ShellEnvironment.Variables);
                child.SetName(name);
                result = await body();
                return 0;
            });
            return pid < 0 ? pid : (await shell.Wait(pid)).Status;
        });
        if (outcome.Finished && result is not null)
            return (result, outcome.Nanoseconds);
        var reason = _stopped ? "the kernel stopped" : $"{name} was killed";
        return (new ModuleLoadResult("", -(int)Errno.EINTR, $"{reason}: {WhyItEnded() ?? KilledBy(pid, firstLine)}", 0, []), outcome.Nanoseconds);
    }

    private string? WhyItEnded() => (_findings.All.LastOrDefault(finding => finding.Kind == Finding.Stopped) ?? _findings.All.LastOrDefault())?.Summary;

    /// <summary>What killed a process that broke no rule. The OOM killer says so (__oom_kill_process(), mm/oom_kill.c).</summary>
    private string KilledBy(int pid, long firstLine) =>
        _kernel.Log.Since(firstLine).Any(record => record.Text.StartsWith($"Out of memory: Killed process {pid} (", StringComparison.Ordinal))
            ? "out of memory"
            : "by a signal";

    /// <summary>Remembers where a module lies, and its names, for reports after it has gone.</summary>
    private void Observe(ModuleLoadEvent step)
    {
        Tracer?.Invoke(new LoadStep(_kernel.Clock.Nanoseconds - _started, step));
        if (step is StateEntered { State: Modules.ModuleState.Going })
            _kernel.RememberSymbols(step.Module);
        if (step is not SectionPlaced placed)
            return;
        if (placed.Part is ModulePart.Text or ModulePart.InitText)
            Remember(_code, placed);
        if (placed.Part < ModulePart.InitText)
            Remember(_memory, placed);
    }

    private static void Remember(Dictionary<string, List<CodeRange>> ranges, SectionPlaced placed)
    {
        foreach (var others in ranges.Values) // whoever was here is gone
            others.RemoveAll(part => part.Start < placed.Address + placed.Size && placed.Address < part.End);
        if (!ranges.TryGetValue(placed.Module, out var parts))
            ranges[placed.Module] = parts = [];
        parts.Add(new CodeRange(placed.Address, placed.Address + placed.Size));
    }
}
