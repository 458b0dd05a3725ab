using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Kernel;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Sessions;
using Lkm.Kernel.Symbols;
using Lkm.Modules;

namespace Lkm.Cli.Running;

/// <summary>Starts user-mode kernels.</summary>
internal static class KernelSessions
{
    /// <summary>Starts a fresh one, with memory of the usual size.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="progress">Told of long steps.</param>
    public static Outcome<IKernelSession> Start(KernelSource kernel, Action<string, string?> progress) => Start(kernel, null, progress);

    /// <summary>Starts a fresh one.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="memory">Bytes of its memory; null for the usual size.</param>
    /// <param name="progress">
    /// Told of long steps, as <see cref="CommandLine.Screen.Progress"/> is: the first boot of a kernel takes a while, later starts use its snapshot.
    /// </param>
    public static Outcome<IKernelSession> Start(KernelSource kernel, ulong? memory, Action<string, string?> progress)
    {
        Outcome<UserModeKernel> started = StartKernel(kernel, memory, progress);
        return started.Succeeded
            ? Outcome<IKernelSession>.Success(new LocalKernelSession(new KernelSession(started.Value, ModulesOf(kernel))))
            : Outcome<IKernelSession>.Failure(started.Error);
    }

    /// <summary>Starts a fresh kernel that stays.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="memory">Bytes of its memory; null for the usual size.</param>
    /// <param name="options">How it is run.</param>
    /// <param name="progress">Told of long steps.</param>
    public static Outcome<ResidentKernel> StartResident(KernelSource kernel, ulong? memory, ResidentOptions options, Action<string, string?> progress)
    {
        Outcome<UserModeKernel> started = StartKernel(kernel, memory, progress);
        return started.Succeeded
            ? new ResidentKernel(started.Value, ModulesOf(kernel), options)
            : Outcome<ResidentKernel>.Failure(started.Error);
    }

    /// <summary>Starts a kernel.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="memory">Bytes of its memory; null for the usual size.</param>
    /// <param name="progress">Told of long steps.</param>
    public static Outcome<UserModeKernel> StartKernel(KernelSource kernel, ulong? memory, Action<string, string?> progress)
    {
        var options = new KernelOptions(kernel.ImagePath, LkmCache.FromEnvironment().Root) { Progress = NewReporter(kernel.Version, progress) };
        if (memory is { } bytes)
            options = options with { RamSize = bytes };
        try
        {
            return UserModeKernel.Start(options).TryGet(out UserModeKernel? started, out FormatError? error)
                ? started
                : Outcome<UserModeKernel>.Failure(error.ToString());
        }
        catch (Exception e) when (e is KernelMismatchException or GuestStoppedException)
        {
            return Outcome<UserModeKernel>.Failure($"{kernel.Version}: cannot boot it: {e.Message}");
        }
    }

    /// <summary>Where request_module() finds modules: the kernel's own tree, with no configuration of this machine's.</summary>
    public static ModuleContext? ModulesOf(KernelSource kernel) =>
        kernel.ModulesDirectory is { } directory ? new ModuleContext(ModuleDirectory.Open(directory), ModprobeConfiguration.Empty) : null;

    /// <summary>Tells of the first boot, per cent by per cent.</summary>
    private static Action<BootProgress> NewReporter(string version, Action<string, string?> progress)
    {
        int told = -1;
        return step =>
        {
            int percent = step.Done * 100 / Math.Max(1, step.Total);
            if (percent == told)
                return;
            told = percent;
            progress($"first boot of {version}, kept for later starts", $"{percent} % ({step.Step})");
        };
    }
}
