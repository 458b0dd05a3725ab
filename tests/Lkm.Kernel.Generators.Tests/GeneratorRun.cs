using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Lkm.Kernel.Generators.Tests;

/// <summary>Source text, with the generator run over it.</summary>
internal sealed class GeneratorRun
{
    private static readonly MetadataReference[] References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Where(p => Path.GetFileName(p) is { } name && (name.StartsWith("System.", StringComparison.Ordinal) || name == "netstandard.dll"))
            .Select(p => MetadataReference.CreateFromFile(p))];

    private static readonly SyntaxTree Runtime = Parse(RuntimeSource.Text, "Runtime.cs");

    private readonly Compilation output;
    private Assembly? assembly;

    private GeneratorRun(GeneratorDriver driver, Compilation input)
    {
        Driver = driver.RunGeneratorsAndUpdateCompilation(input, out output, out var diagnostics);
        Input = input;
        Diagnostics = diagnostics;
    }

    public GeneratorDriver Driver { get; }

    public Compilation Input { get; }

    public IReadOnlyList<Diagnostic> Diagnostics { get; }

    public IReadOnlyList<string> Files => [.. Driver.GetRunResult().GeneratedTrees.Select(t => Path.GetFileName(t.FilePath))];

    /// <summary>Runs the generator over files of source text.</summary>
    public static GeneratorRun Of(params string[] sources)
    {
        var driver = CSharpGeneratorDriver.Create(
            [new KernelFunctionGenerator().AsSourceGenerator()],
            driverOptions: new(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));
        var options = new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable, checkOverflow: true);
        var trees = sources.Select((s, i) => Parse("using Lkm.Kernel.Functions;\n" + s, $"Source{i}.cs"));
        return new(driver, CSharpCompilation.Create("Sample", [Runtime, .. trees], References, options));
    }

    /// <summary>Runs the same driver again, after an edit of one file.</summary>
    public GeneratorRun Edit(int source, Func<string, string> edit)
    {
        var tree = Input.SyntaxTrees.Single(t => t.FilePath == $"Source{source}.cs");
        return new(Driver, Input.ReplaceSyntaxTree(tree, Parse(edit(tree.ToString()), tree.FilePath)));
    }

    /// <summary>Compiles source and generated source, expecting no complaint, and makes an object of a class.</summary>
    public object Create(string type = "Sample")
    {
        assembly ??= Compile();
        return Activator.CreateInstance(assembly.GetType(type, throwOnError: true)!)!;
    }

    /// <summary>Prepares a call of a kernel function of an object.</summary>
    public dynamic Caller(object functions, string name, params ulong[] arguments) =>
        Activator.CreateInstance(assembly!.GetType("Caller")!, functions, name, arguments)!;

    /// <summary>The function table of an object, a line for each row.</summary>
    public string[] Table(object functions) =>
        (string[])assembly!.GetType("Caller")!.GetMethod("Table")!.Invoke(null, [functions])!;

    private static SyntaxTree Parse(string text, string path) =>
        CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Latest), path);

    private Assembly Compile()
    {
        using var image = new MemoryStream();
        var result = output.Emit(image);
        Assert.Empty(Diagnostics);
        Assert.Empty(result.Diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning));
        Assert.True(result.Success);
        image.Position = 0;
        return new AssemblyLoadContext("Sample", isCollectible: true).LoadFromStream(image);
    }
}
