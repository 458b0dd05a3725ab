using Lkm.Cli.Sweeping;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Tests.Sweeping;

/// <summary>What a sweep keeps, and what is read back after an interruption.</summary>
public sealed class SweepFolderTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("lkm-sweep-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    private static SweepResult Result(string module) => new()
    {
        Module = module,
        Outcome = SweepOutcome.LoadFailed,
        Errno = "ENODEV",
        Reason = "it said \"no\"\nand more",
        Findings = [new Finding("leak", "8 bytes")],
        Log = ["first", "sec\u0001ond"],
        Taint = 1UL << 63,
        Milliseconds = 12,
    };

    [Fact]
    public void A_result_is_read_back_as_it_was()
    {
        var result = Result("brd");
        var read = SweepResult.Parse(result.ToLine())!;
        Assert.DoesNotContain('\n', result.ToLine());
        Assert.Equal(result.Findings, read.Findings);
        Assert.Equal(result.Log, read.Log);
        Assert.Equal(result with { Findings = read.Findings, Log = read.Log }, read);
    }

    [Fact]
    public void A_sweep_that_was_killed_while_it_wrote_goes_on_after_the_last_whole_result()
    {
        using (var folder = SweepFolder.Open(_path, "6.1", resume: false, out _).Value!)
        {
            folder.Add(Result("a"));
            folder.Add(Result("b"));
        }

        var file = Path.Combine(_path, "results.jsonl");
        File.WriteAllText(file, File.ReadAllText(file)[..^20]);
        using (SweepFolder.Open(_path, "6.1", resume: true, out var done).Value!)
            Assert.Equal("a", Assert.Single(done).Module);
        Assert.Equal("a", Assert.Single(SweepFolder.Read(_path).Value!.Results).Module);
    }

    [Fact]
    public void A_module_that_was_run_again_counts_as_it_went_the_last_time()
    {
        using (var folder = SweepFolder.Open(_path, "6.1", resume: false, out _).Value!)
        {
            folder.Add(Result("a"));
            folder.Add(Result("b"));
            folder.Add(Result("a") with { Errno = "EIO" });
        }

        Assert.Equal(["a EIO", "b ENODEV"], SweepFolder.Read(_path).Value!.Results.Select(result => $"{result.Module} {result.Errno}"));
    }

    [Fact]
    public void A_finished_sweep_is_not_overwritten_unasked()
    {
        SweepFolder.Open(_path, "6.1", resume: false, out _).Value!.Dispose();
        Assert.Contains("--resume", SweepFolder.Open(_path, "6.1", resume: false, out _).Error);
    }

    [Fact]
    public void Results_of_two_kernels_are_not_mixed()
    {
        SweepFolder.Open(_path, "6.1", resume: false, out _).Value!.Dispose();
        Assert.Contains("6.1", SweepFolder.Open(_path, "6.12", resume: true, out _).Error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"schema\":1}")]
    [InlineData("{\"schema\":\"x\",\"kernel\":\"6.1\"}")]
    [InlineData("not json")]
    public void What_is_no_sweep_is_refused_with_its_name(string text)
    {
        Directory.CreateDirectory(_path);
        File.WriteAllText(Path.Combine(_path, "results.jsonl"), text);
        Assert.Contains(_path, SweepFolder.Read(_path).Error);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"module\":1}")]
    [InlineData("{\"module\":\"a\",\"outcome\":\"great\"}")]
    public void A_damaged_line_is_no_result(string line) => Assert.Null(SweepResult.Parse(line));
}
