using Microsoft.CodeAnalysis;

namespace Lkm.Kernel.Generators.Tests;

public sealed class DiagnosticTests
{
    [Theory]
    [InlineData("LKM001", "class Sample { [KernelFunction(\"f\")] void F() { } [KernelFunction(\"g\")] void G() { } }", "Sample")]
    [InlineData("LKM001", "class Outer { partial class Sample { [KernelFunction(\"f\")] void F() { } } }", "Outer")]
    [InlineData("LKM002", "partial class Sample { [KernelFunction(\"f\")] void F(string text) { } }", "text")]
    [InlineData("LKM002", "partial class Sample { [KernelFunction(\"f\")] void F(ref uint flags) { } }", "flags")]
    [InlineData("LKM002", "partial class Sample { [KernelFunction(\"f\")] void F(params ulong[] rest) { } }", "rest")]
    [InlineData("LKM003", "partial class Sample { [KernelFunction(\"f\")] string F() => \"\"; }", "F")]
    [InlineData("LKM003", "partial class Sample { [KernelFunction(\"f\")] GuestTask<string> F() => null!; }", "F")]
    [InlineData("LKM003", "partial class Sample { int x; [KernelFunction(\"f\")] ref int F() => ref x; }", "F")]
    [InlineData("LKM003", "partial class Sample { [KernelFunction(\"f\")] async void F() => await new GuestTask(); }", "F")]
    [InlineData("LKM004", "partial class A { [KernelFunction(\"f\")] void F() { } } partial class B { [KernelFunction(\"f\")] void F() { } }", "KernelFunction(\"f\")")]
    [InlineData("LKM004", "partial class A { [KernelFunction(\"f\"), KernelFunction(\"f\")] void F() { } }", "KernelFunction(\"f\")")]
    [InlineData("LKM005", "partial class Sample { [KernelFunction(\"f\", Support = Support.Partial)] void F() { } }", "KernelFunction(\"f\", Support = Support.Partial)")]
    [InlineData("LKM005", "partial class Sample { [KernelFunction(\"f\", Support = Support.Partial, Note = \" \")] void F() { } }", "KernelFunction(\"f\", Support = Support.Partial, Note = \" \")")]
    [InlineData("LKM006", "partial class Sample { [KernelFunction(\"\")] void F() { } }", "KernelFunction(\"\")")]
    [InlineData("LKM006", "partial class Sample { [KernelFunction(\"9p\")] void F() { } }", "KernelFunction(\"9p\")")]
    [InlineData("LKM006", "partial class Sample { [KernelFunction(\"k free\")] void F() { } }", "KernelFunction(\"k free\")")]
    [InlineData("LKM006", "partial class Sample { [KernelFunction(\"größe\")] void F() { } }", "KernelFunction(\"größe\")")]
    [InlineData("LKM007", "partial class Sample { [KernelFunction(\"f\")] void F<T>() { } }", "F")]
    [InlineData("LKM007", "partial class Sample<T> { [KernelFunction(\"f\")] void F() { } }", "F")]
    [InlineData("LKM007", "partial struct Sample { [KernelFunction(\"f\")] void F() { } }", "F")]
    [InlineData("LKM007", "static partial class Sample { [KernelFunction(\"f\")] static void F() { } }", "F")]
    [InlineData("LKM007", "abstract partial class Sample { [KernelFunction(\"f\")] protected abstract void F(); }", "F")]
    [InlineData("LKM007", "interface I { void F(); } partial class Sample : I { [KernelFunction(\"f\")] void I.F() { } }", "F")]
    [InlineData("LKM007", "partial class A { [KernelFunction(\"f\")] void F() { } } partial class B : A { [KernelFunction(\"g\")] void G() { } }", "G")]
    public void A_mistake_is_one_error_at_its_place(string id, string source, string place)
    {
        var run = GeneratorRun.Of(source);
        var diagnostic = Assert.Single(run.Diagnostics);
        Assert.Equal(id, diagnostic.Id);
        Assert.Equal(DiagnosticSeverity.Error, diagnostic.Severity);
        Assert.Equal("Source0.cs", diagnostic.Location.GetLineSpan().Path);
        Assert.Equal(1, diagnostic.Location.GetLineSpan().StartLinePosition.Line);
        var text = run.Input.SyntaxTrees.Single(t => t.FilePath == "Source0.cs").ToString();
        Assert.Equal(place, text.Substring(diagnostic.Location.SourceSpan.Start, diagnostic.Location.SourceSpan.Length));
    }

    [Fact]
    public void Messages_name_what_is_wrong()
    {
        var run = GeneratorRun.Of(
            """
            partial class Slab
            {
                [KernelFunction("f")] string F(in uint a) => "";
                [KernelFunction("f")] void G() { }
            }
            """);
        Assert.Equal(
            [
                "'F' returns string; a kernel function returns void, an integer, bool, an enum, or a GuestTask of these",
                "'f' is implemented by both 'Slab.F' and 'Slab.G'",
                "Parameter 'a' of 'F' is a reference to uint; a register carries integers, bool and enums, by value",
            ],
            run.Diagnostics.Select(d => d.GetMessage()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_mistake_in_one_method_leaves_the_others_generated()
    {
        var run = GeneratorRun.Of(
            """partial class Sample { [KernelFunction("f")] void F(string s) { } [KernelFunction("g")] void G() { } }""");
        Assert.Equal("LKM002", Assert.Single(run.Diagnostics).Id);
        Assert.Equal(["Sample.KernelFunctions.g.cs"], run.Files);
    }
}
