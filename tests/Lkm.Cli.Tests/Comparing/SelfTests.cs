using System.Text.Json;
using Lkm.Cli.Comparing;
using Lkm.Cli.Running;
using Lkm.Distribution;

namespace Lkm.Cli.Tests.Comparing;

/// <summary>
/// The kernel's own self-tests say in lkm what they said in real Linux, line by line (tests/self-tests/real-linux-6.1.json). Those that Debian ships
/// as modules always run; the environment variable LKM_SELF_TESTS names the folder in which tests/self-tests/build.sh has built the others.
/// </summary>
public class SelfTests
{
    private const string Data = "real-linux-6.1.json", Kernel = "debian:6.1";

    private static readonly string? s_built = Environment.GetEnvironmentVariable("LKM_SELF_TESTS");

    public static TheoryData<string> Shipped => Names("shipped");

    /// <summary>Without a folder there is one case, which says so.</summary>
    public static TheoryData<string> Built => s_built is null ? new TheoryData<string>("(LKM_SELF_TESTS names no folder)") : Names("built");

    [Theory]
    [MemberData(nameof(Shipped))]
    public void A_self_test_of_the_kernels_tree_says_what_it_says_in_real_Linux(string name) => Check("shipped", name, name);

    [Theory]
    [MemberData(nameof(Built))]
    public void A_self_test_that_was_built_says_what_it_says_in_real_Linux(string name)
    {
        if (s_built is null)
            return;
        string module = Assert.Single(Directory.GetFiles(s_built, $"{name}.ko", SearchOption.AllDirectories));
        Check("built", name, module);
    }

    private static TheoryData<string> Names(string group)
    {
        using JsonDocument document = Open();
        return [.. document.RootElement.GetProperty(group).EnumerateObject().Select(test => test.Name)];
    }

    private static void Check(string group, string name, string module)
    {
        KernelSource kernel = new KernelLocator(LkmCache.FromEnvironment()).Locate(Kernel).Value!;
        IReadOnlyList<PlannedModule> plan = RunPlan.Make(kernel, [module], "").Value!;
        SideRun lkm = LkmSide.Run(kernel, plan, [], TimeSpan.FromHours(1), (_, _) => { }).Value!;
        using JsonDocument document = Open();
        JsonElement recorded = document.RootElement.GetProperty(group).GetProperty(name);
        SideRun real = Read(recorded);
        Assert.Equal(real.Steps.Select(step => step.Outcome), lkm.Steps.Select(step => step.Outcome));
        if (recorded.TryGetProperty("reason", out _)) // why the log cannot be the same
            return;
        foreach ((SideStep ofReal, SideStep ofLkm) in real.Steps.Zip(lkm.Steps))
            Assert.Equal(Said(ofReal), Said(ofLkm));
        Assert.Equal(real.Taint, lkm.Taint);
    }

    private static SideRun Read(JsonElement test) => new(
        [.. test.GetProperty("steps").EnumerateArray().Select(step => new SideStep(step.GetProperty("outcome").GetString()!, [],
            [.. step.GetProperty("log").EnumerateArray().Select(line => new LogLine(0, line.GetString()!))]))],
        test.GetProperty("taint").GetUInt64());

    private static IEnumerable<string> Said(SideStep step) => step.Log.Select(line => Normalizer.Normalize(line.Text));

    private static JsonDocument Open() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, Data)));
}
