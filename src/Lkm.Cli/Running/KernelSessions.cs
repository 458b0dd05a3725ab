using Lkm.Distribution;

namespace Lkm.Cli.Running;

/// <summary>Starts user-mode kernels.</summary>
internal static class KernelSessions
{
    /// <summary>Starts a fresh one.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="progress">Told of long steps: the first boot of a kernel takes a while, later starts use its snapshot.</param>
    public static Outcome<IKernelSession> Start(KernelSource kernel, Action<string> progress)
    {
        progress($"starting {kernel.Version}");
        return Outcome<IKernelSession>.Failure($"{kernel.Version}: this build has no kernel core to start it with");
    }
}
