using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Lkm.Kernel.Generators;

/// <summary>The generator's errors.</summary>
internal static class Problems
{
    public static readonly DiagnosticDescriptor NotPartial = Error(
        "LKM001", "Class with kernel functions is not partial", "'{0}' has kernel functions: it and the types around it must be partial");

    public static readonly DiagnosticDescriptor ParameterType = Error(
        "LKM002", "Unsupported parameter type", "Parameter '{0}' of '{1}' is {2}; a register carries integers, bool and enums, by value");

    public static readonly DiagnosticDescriptor ReturnType = Error(
        "LKM003",
        "Unsupported return type",
        "'{0}' returns {1}; a kernel function returns void, an integer, bool, an enum, or a GuestTask of these");

    public static readonly DiagnosticDescriptor DuplicateName = Error(
        "LKM004", "Kernel function implemented twice", "'{0}' is implemented by both '{1}' and '{2}'");

    public static readonly DiagnosticDescriptor MissingNote = Error(
        "LKM005", "Partial support without a note", "'{0}' has partial support: its Note must say what is missing");

    public static readonly DiagnosticDescriptor BadName = Error(
        "LKM006", "Not a kernel symbol", "'{0}' is not a kernel symbol: letters, digits, '_' and '.', not starting with a digit or '.'");

    public static readonly DiagnosticDescriptor BadMethod = Error(
        "LKM007", "Method cannot implement a kernel function", "'{0}' cannot implement a kernel function: {1}");

    private static DiagnosticDescriptor Error(string id, string title, string message) =>
        new(id, title, message, "KernelFunctions", DiagnosticSeverity.Error, isEnabledByDefault: true);
}

/// <summary>An error found, comparable as the incremental driver needs it.</summary>
internal sealed record Problem(DiagnosticDescriptor Descriptor, SourcePlace Place, EquatableArray<string> Arguments)
{
    public static Problem Of(DiagnosticDescriptor descriptor, SourcePlace place, params string[] arguments) =>
        new(descriptor, place, new(arguments));

    public Diagnostic ToDiagnostic()
    {
        var arguments = new object[Arguments.Count];
        for (var i = 0; i < arguments.Length; i++)
            arguments[i] = Arguments[i];
        return Diagnostic.Create(Descriptor, Place.ToLocation(), arguments);
    }
}

/// <summary>A place in a source file; unlike Roslyn's Location it does not keep the syntax tree, and so the compilation, alive.</summary>
internal sealed record SourcePlace(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static SourcePlace Of(Location location) =>
        new(location.SourceTree?.FilePath ?? "", location.SourceSpan, location.GetLineSpan().Span);

    public Location ToLocation() => Location.Create(Path, Span, Lines);
}
