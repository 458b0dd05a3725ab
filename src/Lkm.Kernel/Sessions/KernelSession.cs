using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Shell;
using Lkm.Modules;
using ModuleContext = Lkm.Modules.ModuleContext;

namespace Lkm.Kernel.Sessions;

/// <summary>
/// A kernel that modules are loaded into, as a program uses it: each request runs as a process of the guest, as insmod and rmmod would,
/// and is over when the kernel is at rest again.
/// </summary>
public sealed class KernelSession : IDisposable
{
    private const int TaintDie = 7;
    private const int ErrorLevel = 3;

    private readonly UserModeKernel _kernel;
    private readonly ProcessRunner _processes;
    private readonly ModuleContext? _modules;
    private readonly SessionModuleCommands _commands;
    private readonly KernelShell _shell;
    private readonly LeakScanner _leaks;
    private readonly ulong _mark;
    private readonly List<Finding> _findings = [];
    private readonly Dictionary<string, List<CodeRange>> _code = [];
    private int _memoryErrors, _warnings;
    private bool _stopped;

    /// <summary>Takes over a kernel at rest.</summary>
    /// <param name="kernel">The kernel; it is disposed with the session.</param>
    /// <param name="modules">Where request_module() finds modules; null for nowhere.</param>
    public KernelSession(UserModeKernel kernel, ModuleContext? modules)
    {
        _kernel = kernel;
        _modules = modules;
        _processes = new ProcessRunner(kernel);
        _commands = new SessionModuleCommands(kernel.Modules, modules);
        _shell = new KernelShell(_commands, kernel.Log.Records);
        _leaks = kernel.NewLeakScanner();
        _mark = _leaks.Mark();
        kernel.Modules.Observer = Observe;
        if (modules is not null)
            kernel.RequestModule.Load = Request;
    }

    /// <summary>The kernel.</summary>
    public UserModeKernel Kernel => _kernel;

    /// <summary>The rules broken so far.</summary>
    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>What /proc/sys/kernel/tainted says.</summary>
    public ulong Taint => _kernel.Memory.ReadUInt64(_kernel.Image.Symbol("tainted_mask"));

    /// <summary>Loads a module from a file, compressed or not, as insmod does: without its dependencies.</summary>
    /// <param name="path">The file.</param>
    /// <param name="parameters">Its parameters, separated by spaces.</param>
    public (ModuleLoadResult Result, long Nanoseconds) Load(string path, string parameters)
    {
        byte[] image;
        try
        {
            image = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (new ModuleLoadResult("", -(int)Errno.ENOENT, $"{path}: {e.Message}", 0, []), 0);
        }

        return Run("insmod", () => _kernel.Modules.Load(image, parameters, ModuleLoadFlags.CompressedFile));
    }

    /// <summary>Unloads a module, as rmmod does.</summary>
    public (ModuleLoadResult Result, long Nanoseconds) Unload(string name) =>
        Run("rmmod", () => _kernel.Modules.Unload(name, default));

    /// <summary>Runs a line of the shell inside the kernel.</summary>
    /// <param name="line">The line.</param>
    /// <param name="output">Where what it prints goes, standard output and standard error alike.</param>
    /// <returns>Its exit status; 137, as of a process that was killed, when it did not finish.</returns>
    public int Execute(string line, Stream output)
    {
        const int killed = 128 + 9;
        var outcome = Execute("sh", process => _shell.Run(process, line, new ShellStreams(output, output)));
        return outcome.Finished ? outcome.Result : killed;
    }

    /// <summary>Looks for allocations that modules which are gone left behind; each becomes a finding and a report in the log.</summary>
    public void CheckForLeaks()
    {
        if (_stopped)
            return;
        var code = new List<CodeRange>();
        foreach (var (module, parts) in _code)
        {
            if (_kernel.Modules.Modules.Find(module) is null)
                code.AddRange(parts);
        }

        if (code.Count == 0)
            return;
        foreach (var leak in _leaks.FindLeaks(_mark, code))
        {
            foreach (var line in LeakReport.Format(leak, _kernel.Symbolise))
                _kernel.Log.Write(ErrorLevel, line);
            _findings.Add(new Finding("leak", $"{OwnerOf(leak)}: {leak.Size} bytes at {leak.Address:x16} were never freed"));
        }
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
        var firstRecord = _kernel.Log.Records.Count;
        var taint = Taint;
        var outcome = default(ProcessOutcome<T>);
        try
        {
            outcome = _processes.Run(name, body);
        }
        catch (GuestStoppedException e)
        {
            _stopped = true;
            _kernel.Log.Flush();
            _findings.Add(new Finding("stopped", e.Message));
        }

        for (; _memoryErrors < _kernel.Faults.Reports.Count; _memoryErrors++)
        {
            var report = _kernel.Faults.Reports[_memoryErrors];
            _findings.Add(new Finding(report.Kind.Name(), $"{report.Kind.Name()} in {_kernel.Faults.Places[_memoryErrors]}"));
        }

        for (; _warnings < _kernel.Faults.Warnings.Count; _warnings++)
            _findings.Add(new Finding("warning", _kernel.Faults.Warnings[_warnings].Text));

        if (((Taint & ~taint) >> TaintDie & 1) != 0 || !outcome.Finished)
            AddOops(firstRecord);
        return outcome;
    }

    /// <inheritdoc/>
    public void Dispose() => _kernel.Dispose();

    private (ModuleLoadResult Result, long Nanoseconds) Run(string name, Func<GuestTask<ModuleLoadResult>> body)
    {
        var outcome = Execute(name, _ => body());
        if (outcome is { Finished: true, Result: { } result })
            return (result, outcome.Nanoseconds);
        var reason = _stopped ? "the kernel stopped" : $"{name} was killed";
        return (new ModuleLoadResult("", -(int)Errno.EINTR, $"{reason}: {_findings[^1].Summary}", 0, []), outcome.Nanoseconds);
    }

    /// <summary>Says of an oops what its log says: the first line, and where it happened.</summary>
    private void AddOops(int firstRecord)
    {
        if (_stopped)
            return;
        string? what = null;
        foreach (var record in _kernel.Log.Records.Skip(firstRecord))
        {
            var text = record.Text;
            if (what is null && (text.StartsWith("BUG: ", StringComparison.Ordinal) || text.StartsWith("kernel BUG at ", StringComparison.Ordinal)
                || text.Contains(": 0000 [#", StringComparison.Ordinal)))
                what = text;
            if (what is not null && text.StartsWith("RIP: 0010:", StringComparison.Ordinal))
            {
                _findings.Add(new Finding("oops", $"{what} at {text["RIP: 0010:".Length..]}"));
                return;
            }
        }

        _findings.Add(new Finding("oops", what ?? "a task of the kernel was killed"));
    }

    /// <summary>Remembers where a module's code lies, for reports after it has gone.</summary>
    private void Observe(ModuleLoadEvent step)
    {
        if (step is not SectionPlaced { Part: ModulePart.Text or ModulePart.InitText } placed)
            return;
        if (!_code.TryGetValue(placed.Module, out var ranges))
            _code[placed.Module] = ranges = [];
        ranges.Add(new CodeRange(placed.Address, placed.Address + placed.Size));
    }

    /// <summary>request_module(): what modprobe would insert, in the context of the task that asks.</summary>
    private async GuestTask<int> Request(string nameOrAlias)
    {
        const int modprobeFailed = 256; // exit status 1, as wait(2) gives it
        var result = modprobeFailed;
        foreach (var plan in _modules!.PlanRequest(nameOrAlias))
        {
            var failed = false;
            foreach (var step in plan)
                failed |= (await _commands.Insert(step, "")).Error != Errno.OK && step.IsRequired;
            if (!failed)
                result = 0;
        }

        return result;
    }
}
