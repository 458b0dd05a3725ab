using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Lkm.Kernel.Generators;

/// <summary>
/// Implements <c>IKernelFunctions</c> for each class with methods marked <c>[KernelFunction]</c>: the table of the functions, and the
/// thunks that decode registers, call the methods and encode their results.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class KernelFunctionGenerator : IIncrementalGenerator
{
    /// <summary>The tracked step that yields the model of each class.</summary>
    public const string ClassesStep = "KernelClasses";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var candidates = context.SyntaxProvider.ForAttributeWithMetadataName(
            MethodReader.AttributeName,
            static (node, _) => node is MethodDeclarationSyntax,
            MethodReader.Read);

        var classes = candidates
            .Select(static (candidate, _) => candidate.Method)
            .Where(static method => method is not null)
            .Collect()
            .SelectMany(static (methods, _) => GroupByClass(methods!))
            .WithTrackingName(ClassesStep);
        context.RegisterSourceOutput(classes, static (output, model) => output.AddSource(model.Owner.FileName, ThunkWriter.Write(model)));

        var problems = candidates.Collect().SelectMany(static (all, _) => FindProblems(all));
        context.RegisterSourceOutput(problems, static (output, problem) => output.ReportDiagnostic(problem.ToDiagnostic()));
    }

    private static IEnumerable<KernelClass> GroupByClass(ImmutableArray<KernelMethod> methods) =>
        methods.GroupBy(static m => m.Owner).Select(static group => new KernelClass(group.Key, new([.. group])));

    private static IEnumerable<Problem> FindProblems(ImmutableArray<Candidate> candidates)
    {
        // Several methods of a class that is not partial report it each.
        foreach (var problem in candidates.SelectMany(static c => c.Problems).Distinct())
            yield return problem;

        var claimed = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var claim in candidates.SelectMany(static c => c.Names))
        {
            if (!claimed.TryGetValue(claim.Name, out var first))
                claimed.Add(claim.Name, claim.Method);
            else
                yield return Problem.Of(Problems.DuplicateName, claim.Place, claim.Name, first, claim.Method);
        }
    }
}
