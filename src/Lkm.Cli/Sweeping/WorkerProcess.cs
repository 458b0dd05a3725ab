using System.Diagnostics;
using System.Globalization;
using Lkm.Distribution;

namespace Lkm.Cli.Sweeping;

/// <summary>What a module may take in a sweep.</summary>
/// <param name="Time">Wall time.</param>
/// <param name="MemoryBytes">Resident memory of the process that runs it.</param>
internal sealed record SweepLimits(TimeSpan Time, long MemoryBytes);

/// <summary>A <see cref="SweepWorker"/> seen from the sweep: started when needed, ended when it breaks a limit.</summary>
/// <param name="program">The program and its arguments.</param>
/// <param name="limits">What a module may take.</param>
internal sealed class WorkerProcess(IReadOnlyList<string> program, SweepLimits limits) : IDisposable
{
    /// <summary>The operand of <c>lkm sweep</c> that makes it a worker.</summary>
    public const string Word = "worker";

    private const int ModulesPerProcess = 200; // a fresh one now and then keeps what the runs leave behind from adding up
    private static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(200);

    private Process? _process;
    private int _served;

    /// <summary>This program again, as a worker for a kernel.</summary>
    public static IReadOnlyList<string> ProgramFor(KernelSource kernel)
    {
        string program = Environment.ProcessPath!;
        List<string> words = [program];
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            words.Add(Path.Combine(AppContext.BaseDirectory, "lkm.dll"));
        words.AddRange(["sweep", Commands.KernelOption.Option.Name, kernel.ImagePath, Word]);
        return words;
    }

    /// <summary>Runs one module.</summary>
    public SweepResult Run(string module)
    {
        long started = Stopwatch.GetTimestamp();
        Process process = _process ??= Start();
        Task<string?> answer;
        try
        {
            process.StandardInput.WriteLine(module);
            process.StandardInput.Flush();
            answer = process.StandardOutput.ReadLineAsync();
        }
        catch (IOException)
        {
            answer = Task.FromResult<string?>(null);
        }
        SweepResult? limit = null;
        while (limit is null && !answer.Wait(s_glance))
        {
            if (Stopwatch.GetElapsedTime(started) > limits.Time)
                limit = Failed(module, SweepOutcome.TimedOut, $"did not finish within {limits.Time.TotalSeconds} s");
            else if (ResidentBytes(process.Id) is var bytes && bytes > limits.MemoryBytes)
                limit = Failed(module, SweepOutcome.OutOfMemory, $"took {bytes >> 20} MiB of memory");
        }
        if (limit is null && answer.Result is { } line && SweepResult.Parse(line) is { } result)
        {
            if (++_served >= ModulesPerProcess)
                Stop();
            return result;
        }
        limit ??= Failed(module, SweepOutcome.Crashed, $"the process that ran it ended with status {ExitStatus(process)}");
        Stop();
        return limit with { Milliseconds = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds };
    }

    /// <inheritdoc/>
    public void Dispose() => Stop();

    private static SweepResult Failed(string module, SweepOutcome outcome, string reason) =>
        new() { Module = module, Outcome = outcome, Reason = reason };

    private Process Start()
    {
        _served = 0;
        var start = new ProcessStartInfo(program[0]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string argument in program.Skip(1))
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private void Stop()
    {
        if (_process is null)
            return;
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    private static int ExitStatus(Process process)
    {
        const int patience = 1000; // milliseconds; it closed its output, so it is about to go
        return process.WaitForExit(patience) ? process.ExitCode : -1;
    }

    private static long ResidentBytes(int process)
    {
        try
        {
            const int resident = 1; // the second number of /proc/PID/statm, in pages
            string[] numbers = File.ReadAllText($"/proc/{process}/statm").Split(' ');
            return long.Parse(numbers[resident], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
        catch (IOException)
        {
            return 0; // it has just ended
        }
    }
}
