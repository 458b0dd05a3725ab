using Lkm.Cli.Sweeping;
using Lkm.Distribution;

namespace Lkm.Cli.Tests.Sweeping;

/// <summary>A sample of what a real 6.1 kernel did with Debian's modules, which lkm has to do as well; docs/compatibility.md has the whole.</summary>
public class ParityTests
{
    private const int OneOf = 30;
    private const double LeastParity = 0.95;

    [Fact]
    public void A_sample_of_modules_ends_as_on_real_Linux()
    {
        IReadOnlyDictionary<string, ExpectedOutcome> expected =
            ExpectedOutcomes.Read(Path.Combine(Checkout.Folder, "tests", "Lkm.RealLinux", "real-linux-outcomes-6.1.json")).Value!;
        KernelSource kernel = new KernelLocator(LkmCache.FromEnvironment()).Locate("debian:6.1").Value!;
        var worker = new SweepWorker(kernel);
        string[] sample = [.. expected.Keys.Order(StringComparer.Ordinal).Where((_, i) => i % OneOf == 0)];
        SweepResult[] results = [.. sample.Select(worker.Run)];
        string[] differences = [.. results.Where(result => !expected[result.Module].IsMetBy(result))
            .Select(result => $"{result.Module}: real Linux: {expected[result.Module]}; lkm: {result.Outcome.Name()} {result.Errno}: {result.Reason}")];
        Assert.True(differences.Length <= sample.Length * (1 - LeastParity), string.Join('\n', differences));
    }
}
