using System.Text.RegularExpressions;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;

namespace Lkm.Cli.Tests.Sweeping;

/// <summary>docs/kubernetes-sweep.yaml: the command of its pods does what the text says.</summary>
public sealed partial class KubernetesManifestTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-pods-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_pods_of_the_job_together_sweep_all_modules()
    {
        string manifest = File.ReadAllText(Path.Combine(Checkout.Folder, "docs", "kubernetes-sweep.yaml"));
        string command = PodCommand().Match(manifest).Groups[1].Value.Replace("/results", _folder, StringComparison.Ordinal);
        string program = $"lkm() {{ dotnet '{Path.Combine(AppContext.BaseDirectory, "lkm.dll")}' \"$@\"; }}\n";
        for (int pod = 0; pod < 2; pod++)
        {
            string environment = $"export SHARDS=2 MODULES='crc[78]' JOB_COMPLETION_INDEX={pod}\n";
            HostCommandResult run = HostCommand.Run("sh", ["-c", environment + program + command], _folder);
            Assert.True(run.ExitCode == 0, run.Error);
        }
        string[] swept = [.. Directory.GetDirectories(_folder, "shard-*").SelectMany(shard => SweepFolder.Read(shard).Value!.Results).Select(result => result.Module).Order()];
        Assert.Equal(["crc7", "crc8"], swept);
    }

    [GeneratedRegex("""command: \["sh", "-c", '(.*)'\]""")]
    private static partial Regex PodCommand();
}
