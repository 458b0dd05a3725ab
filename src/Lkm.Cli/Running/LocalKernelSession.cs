using System.Text;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Running;

/// <summary>A user-mode kernel in this process.</summary>
internal sealed class LocalKernelSession : IKernelSession
{
    private readonly KernelSession _session;

    /// <summary>Takes over a session.</summary>
    public LocalKernelSession(KernelSession session)
    {
        _session = session;
        session.Kernel.Log.Written += Pass;
    }

    /// <inheritdoc/>
    public event Action<LogMessage>? Logged;

    /// <inheritdoc/>
    public IReadOnlyList<Finding> Findings => _session.Findings;

    /// <inheritdoc/>
    public ulong Taint => _session.Taint;

    /// <inheritdoc/>
    public Action<LoadStep>? Tracer
    {
        get => _session.Tracer;
        set => _session.Tracer = value;
    }

    /// <inheritdoc/>
    public TimeSpan StepLimit
    {
        set => _session.Kernel.RequestLimitSeconds = _session.Kernel.IdleLimitSeconds = (long)value.TotalSeconds;
    }

    /// <inheritdoc/>
    public StepResult Load(string path, string parameters) => ToStep(_session.Load(path, parameters));

    /// <inheritdoc/>
    public StepResult Unload(string name) => ToStep(_session.Unload(name));

    /// <inheritdoc/>
    public bool IsHidden(string module) => _session.IsHidden(module);

    /// <inheritdoc/>
    public CommandResult Execute(string line)
    {
        var output = new MemoryStream();
        int status = _session.Execute(line, output);
        return new CommandResult(line, Encoding.UTF8.GetString(output.GetBuffer(), 0, (int)output.Length), status);
    }

    /// <inheritdoc/>
    public void LetPass(int milliseconds) => _session.LetPass(milliseconds);

    /// <inheritdoc/>
    public AllocationFaults FailAllocation(int number) => _session.FailAllocation(number);

    /// <inheritdoc/>
    public bool CheckForLeaks() => _session.CheckForLeaks();

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Kernel.Log.Written -= Pass;
        _session.Dispose();
    }

    private static StepResult ToStep((ModuleLoadResult Result, long Nanoseconds) step) =>
        new(step.Result.Code, step.Nanoseconds / 1000, step.Result.Succeeded ? null : step.Result.Explanation);

    private void Pass(LogRecord record) => Logged?.Invoke(new LogMessage(record.Nanoseconds, record.Level, record.Text));
}
