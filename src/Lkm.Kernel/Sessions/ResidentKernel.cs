using System.Text;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Shell;
using ModuleContext = Lkm.Modules.ModuleContext;

namespace Lkm.Kernel.Sessions;

/// <summary>How a resident kernel is run.</summary>
public sealed record ResidentOptions
{
    /// <summary>Whether time passes as outside; otherwise an idle kernel skips to the next event, while requests run, and stands still without.</summary>
    public bool FollowsWallClock { get; init; } = true;

    /// <summary>Seconds that a task may hold on to the processor before it is ended as by an oops.</summary>
    public int StuckSeconds { get; init; } = 20;

    /// <summary>Seconds after which a module that was loaded on demand and is not used is taken out; null for never.</summary>
    public int? AutocleanSeconds { get; init; }
}

/// <summary>
/// A kernel that stays: it has a thread of the host to itself, which runs the guest while there is something to run, and is otherwise
/// asleep. Requests are processes of the guest, any number at a time. The public members may be used by any thread.
/// </summary>
public sealed class ResidentKernel : IDisposable
{
    private readonly UserModeKernel _kernel;
    private readonly ResidentOptions _options;
    private readonly ProcessRunner _processes;
    private readonly SessionModuleCommands _commands;
    private readonly KernelFindings _findings;
    private readonly List<KernelRequest> _requests = [];
    private readonly TaskTermination _termination;
    private readonly WallClock? _clock;
    private readonly AutoResetEvent _wake = new(false);
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private readonly Timer _watchdog;
    private readonly ulong _schedule;
    private bool _hasEnded;
    private (ulong Task, long Passes, int Seconds) _holder;

    /// <summary>Takes over a kernel at rest, and starts to run it.</summary>
    /// <param name="kernel">The kernel; it is disposed with this.</param>
    /// <param name="modules">Where modprobe and request_module() find modules; null for nowhere.</param>
    /// <param name="options">How it is run.</param>
    public ResidentKernel(UserModeKernel kernel, ModuleContext? modules, ResidentOptions options)
    {
        _kernel = kernel;
        _options = options;
        _processes = new ProcessRunner(kernel);
        _commands = new SessionModuleCommands(kernel, modules);
        _findings = new KernelFindings(kernel);
        _termination = new TaskTermination(kernel);
        _clock = options.FollowsWallClock ? new WallClock(kernel.Clock) : null;
        _schedule = kernel.Image.Symbol("schedule");
        if (modules is not null)
            kernel.RequestModule.Load = _commands.Request;
        if (options.AutocleanSeconds is { } idle)
            _commands.StartAutoclean(idle);
        kernel.InstructionLimit = long.MaxValue / 2; // --stuck is its limit
        kernel.RequestLimitSeconds = int.MaxValue;
        kernel.IsLeftToItsUser = true;
        _thread = new Thread(Serve) { Name = "lkm-kernel", IsBackground = true };
        _thread.Start();
        _watchdog = new Timer(_ => Post(CheckHolder), null, 1000, 1000);
    }

    /// <summary>Why the kernel can do nothing any more, such as a panic; null while it runs. Its log can still be read.</summary>
    public string? StopReason { get; private set; }

    /// <summary>A shell for a client: its working directory and last status are the client's own.</summary>
    public KernelShell NewShell() => new(_commands, _kernel.Log);

    /// <summary>Does something with the kernel between two of its instructions, also while it is busy.</summary>
    /// <param name="question">What; it must not wait for the guest.</param>
    public Task<T> Ask<T>(Func<UserModeKernel, T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                answer.SetResult(question(_kernel));
            }
            catch (Exception e)
            {
                answer.SetException(e);
            }
        });
        return answer.Task;
    }

    /// <summary>Runs a line of the shell.</summary>
    public KernelRequest RunLine(KernelShell shell, string line, IRequestClient client) =>
        StartCommand("sh", client, (process, streams) => shell.Run(process, line, streams));

    /// <summary>Runs one command of the shell, its words taken as they are.</summary>
    public KernelRequest RunCommand(KernelShell shell, IReadOnlyList<string> words, IRequestClient client) =>
        StartCommand(words[0], client, (process, streams) => shell.Run(process, words, streams));

    /// <summary>Behind what a command prints comes what has left by the serial port.</summary>
    private KernelRequest StartCommand(string name, IRequestClient client, Func<UserProcess, StandardStreams, GuestTask<int>> command) =>
        Start(name, client, async (process, request) =>
        {
            var streams = request.Streams(process);
            var status = await command(process, streams);
            if (_kernel.Board.Serial.TakeSent() is { Length: > 0 } sent)
                await streams.Output.Write(sent);
            return status;
        });

    /// <summary>Completes the last word of a line; one proposal a line is written.</summary>
    public KernelRequest Complete(KernelShell shell, string line, IRequestClient client) => Start("sh", client, async (process, request) =>
    {
        var proposals = await shell.Complete(process, line);
        await request.Streams(process).Output.Write(Encoding.UTF8.GetBytes(string.Concat(proposals.Select(p => p + "\n"))));
        return 0;
    });

    /// <summary>Maps a file for a program of the host, by a process that holds the mapping until the client's input ends.</summary>
    public KernelRequest Map(HostMapping mapping, IRequestClient client) =>
        Start("map", client, (process, request) => mapping.Hold(process, request.Streams(process), client));

    /// <summary>Ends the kernel, with all that is in it, whatever it is doing.</summary>
    public void Dispose()
    {
        _watchdog.Dispose();
        Post(Halt);
        _thread.Join();
        _kernel.Dispose();
        _wake.Dispose();
    }

    /// <summary>Does something on the thread that runs the guest; when that has ended, at once.</summary>
    internal void Post(Action work)
    {
        lock (_gate)
        {
            if (!_hasEnded)
            {
                _kernel.Interjections.Add(work);
                _wake.Set();
                return;
            }

            work();
        }
    }

    /// <summary>Wakes a task that <see cref="Sleep"/>s; 0 is none.</summary>
    internal void Wake(ulong task)
    {
        if (task != 0 && (_kernel.Tasks.State(task) & TaskState.Interruptible) != 0)
            _kernel.Scheduler.Wake(task);
    }

    /// <summary>The running task sleeps, unless what it waits for is there already, until it is woken or a signal comes.</summary>
    /// <returns>0, for the caller to say that nobody sleeps.</returns>
    internal async GuestTask<ulong> Sleep(Func<bool> isAwake)
    {
        var task = _kernel.Scheduler.Current;
        _kernel.Tasks.SetState(task, TaskState.Interruptible);
        if (isAwake())
            _kernel.Tasks.SetState(task, TaskState.Running);
        else
            await _kernel.Calls.Call(_schedule);
        return 0;
    }

    /// <summary>A signal for a process and its children.</summary>
    internal void SendSignal(GuestProcess process, int signal)
    {
        if (!_hasEnded)
            _processes.Signal(process, signal);
    }

    /// <summary>The running task.</summary>
    internal ulong CurrentTask => _kernel.Scheduler.Current;

    internal bool HasProcessor(GuestProcess process) =>
        !_hasEnded && process.Task != 0 && _kernel.Processes.TryGetValue(CurrentTask, out var running) && running.IsOf(process.Task);

    /// <summary>The instructions that were executed so far.</summary>
    internal long Instructions => _kernel.Cpu.Instructions;

    /// <summary>Ends the running task.</summary>
    internal void EndRunning()
    {
        var task = CurrentTask;
        _termination.EndCurrent($"lkm: {_kernel.Tasks.Comm(task)}[{_kernel.Tasks.Pid(task)}] is killed in the kernel, as its user asks");
    }

    private KernelRequest Start(string name, IRequestClient client, Func<UserProcess, KernelRequest, GuestTask<int>> body)
    {
        var request = new KernelRequest(this, client);
        Post(() =>
        {
            if (_hasEnded)
            {
                Finish(request, new GuestProcess(name));
                return;
            }

            _requests.Add(request);
            request.Process = _processes.Start(name, process => body(process, request), process => Finish(request, process));
        });
        return request;
    }

    private void Finish(KernelRequest request, GuestProcess process)
    {
        const int signalled = 128, interrupt = 2, hangup = 1;
        request.Process = process;
        _requests.Remove(request);
        var known = _findings.All.Count;
        var isKilled = !process.IsFinished && !request.MustEnd && process.Status - signalled is not (interrupt or hangup);
        _findings.Collect(isKilled, _hasEnded);
        const int most = 3;
        for (var i = known; i < _findings.All.Count && i < known + most; i++)
            Tell($"lkm: {_findings.All[i].Summary}; see lkm dmesg\n");
        if (_findings.All.Count - known > most)
            Tell($"lkm: and {_findings.All.Count - known - most} more findings; see lkm dmesg\n");
        if (_hasEnded)
            Tell($"lkm: the kernel has stopped: {StopReason}; see lkm dmesg, then lkm halt\n");
        request.Complete(process.Status);

        void Tell(string text) => request.Client.Write(2, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>The thread: the guest runs until it has nothing to do, then the thread sleeps until somebody wants something or an event is due.</summary>
    private void Serve()
    {
        try
        {
            for (; ; )
            {
                _kernel.RunUntilIdle(IsAtRest);
                _kernel.Log.Flush();
                _wake.WaitOne(IdleMilliseconds());
                _clock?.CatchUp();
            }
        }
        catch (GuestStoppedException e)
        {
            End(e.Message);
        }
        catch (Exception e) // of the core itself: the kernel is lost, its log and the other clients are not
        {
            End($"lkm has a bug: {e}");
        }
    }

    private void End(string reason)
    {
        lock (_gate)
        {
            StopReason = reason;
            _hasEnded = true;
            _kernel.Log.Flush();
            foreach (var request in _requests.ToArray())
                Finish(request, request.Process);
            _kernel.Interjections.Run();
        }
    }

    private void Halt()
    {
        if (!_hasEnded)
            throw new GuestStoppedException("it was halted", 0, []);
    }

    /// <summary>Whether a guest that has nothing to run shall rest, rather than let time pass to the next event.</summary>
    private bool IsAtRest() => _clock is null ? _requests.TrueForAll(request => request.WaitsForClient) : _clock.UntilEvent > 0;

    /// <summary>How long the thread may sleep. Nobody notices some milliseconds; events that are due together cost fewer wake-ups.</summary>
    private int IdleMilliseconds()
    {
        const int attentive = 4, alone = 40, longest = 1_000_000;
        if (_clock is null)
            return Timeout.Infinite;
        return (int)Math.Clamp(_clock.UntilEvent / 1_000_000, 0, longest) + (_requests.Count > 0 ? attentive : alone);
    }

    /// <summary>Once a second: ends tasks that are to be ended, or that hold on to the processor (Linux's watchdog tells of those only).</summary>
    private void CheckHolder()
    {
        if (_hasEnded)
            return;
        foreach (var request in _requests)
        {
            if (request.MustEnd)
                request.TryEnd();
        }

        var task = _kernel.Scheduler.Current;
        var isIdle = _kernel.IsAtRest || (_clock is null && _kernel.Tasks.Pid(task) == 0);
        if (isIdle || _holder.Task != task || _holder.Passes != _kernel.Scheduler.Passes)
        {
            _holder = (task, _kernel.Scheduler.Passes, 0);
            return;
        }

        _holder.Seconds++;
        _kernel.Scheduler.SetNeedReschedule(); // one that calls cond_resched() now and then has nothing to fear
        if (_holder.Seconds < _options.StuckSeconds)
            return;
        _termination.EndCurrent(KernelFindings.Kept(_kernel.Tasks.Comm(task), _kernel.Tasks.Pid(task), _holder.Seconds));
        _holder = default;
    }
}
