using Microsoft.CodeAnalysis;

namespace Lkm.Kernel.Generators.Tests;

public sealed class IncrementalTests
{
    private readonly GeneratorRun first = GeneratorRun.Of(
        """public sealed partial class One { [KernelFunction("one")] public int F(int x) => 1; }""",
        """public sealed partial class Two { [KernelFunction("two")] public int F(int x) => 2; }""",
        "public sealed class Three { }");

    [Theory]
    [InlineData(0, "=> 1", "=> 4711")]
    [InlineData(0, "public sealed", "// A line that moves all that follows.\n\npublic sealed")]
    [InlineData(1, "{ [", "{ private int y; [")]
    [InlineData(2, "{ }", "{ public void F() { } }")]
    public void An_edit_that_changes_no_signature_generates_nothing_again(int file, string old, string replacement)
    {
        var second = first.Edit(file, text => text.Replace(old, replacement, StringComparison.Ordinal));
        Assert.All(OutputReasons(second), reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));
        Assert.All(ClassReasons(second), reason => Assert.Contains(reason, new[] { IncrementalStepRunReason.Cached, IncrementalStepRunReason.Unchanged }));
        Assert.Equal(2, second.Files.Count);
    }

    [Fact]
    public void An_edit_of_one_class_generates_only_that_class_again()
    {
        var second = first.Edit(0, text => text.Replace("int x", "uint x", StringComparison.Ordinal));
        Assert.Equal([IncrementalStepRunReason.Modified, IncrementalStepRunReason.Unchanged], ClassReasons(second));
        Assert.Equal([IncrementalStepRunReason.Modified, IncrementalStepRunReason.Cached], OutputReasons(second));
    }

    [Fact]
    public void The_same_source_gives_the_same_text()
    {
        var second = first.Edit(0, text => text + " ");
        Assert.Equal(
            first.Driver.GetRunResult().GeneratedTrees.Select(t => t.ToString()),
            second.Driver.GetRunResult().GeneratedTrees.Select(t => t.ToString()));
    }

    private static IEnumerable<IncrementalStepRunReason> ClassReasons(GeneratorRun run) =>
        Result(run).TrackedSteps[KernelFunctionGenerator.ClassesStep].SelectMany(s => s.Outputs).Select(o => o.Reason);

    private static IEnumerable<IncrementalStepRunReason> OutputReasons(GeneratorRun run) =>
        Result(run).TrackedOutputSteps.SelectMany(s => s.Value).SelectMany(s => s.Outputs).Select(o => o.Reason);

    private static GeneratorRunResult Result(GeneratorRun run) => run.Driver.GetRunResult().Results.Single();
}
