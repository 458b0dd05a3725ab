using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>What only older kernels have: fault handlers of kprobes, on Debian 11's 5.10 (newer ones dropped them in 5.14).</summary>
public sealed class OlderKernelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-older-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_kprobes_fault_handler_is_told_of_a_fault_in_its_pre_handler()
    {
        foreach (string file in (string[])["Makefile", "fault_handler.c"])
            File.Copy(Path.Combine(Checkout.Folder, "samples", "fault-handler", file), Path.Combine(_folder, file));
        HostCommandResult result = HostCommand.Run(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "run", _folder, "--kernel", "debian:5.10"], _folder);
        Assert.True(result.ExitCode == 0, result.Error);
        string[] log = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[(line.IndexOf("] ", StringComparison.Ordinal) + 2)..])];
        string[] told = [.. log.Where(line => !line.StartsWith("fault_handler: ", StringComparison.Ordinal))];
        // How many tasks were made meanwhile is not the module's: the shell, rmmod, perhaps a worker.
        string[][] hits = [.. told[..^1].Chunk(3)];
        Assert.NotEmpty(hits);
        Assert.All(hits, hit => Assert.Equal(
            ["fault: trap 14", "before kernel_clone: reading nowhere gives -14", "after the first instruction of kernel_clone"], hit));
        Assert.Equal($"{hits.Length} calls missed", told[^1]);
    }
}
