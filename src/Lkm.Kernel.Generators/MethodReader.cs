using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Lkm.Kernel.Generators;

/// <summary>Reads one marked method: its model, or what is wrong with it.</summary>
internal sealed class MethodReader
{
    public const string AttributeName = Runtime + ".KernelFunctionAttribute";

    private const string Runtime = "Lkm.Kernel.Functions";

    private readonly IMethodSymbol method;
    private readonly SourcePlace place;
    private readonly List<Problem> problems = [];
    private readonly List<ClaimedName> names = [];

    private MethodReader(IMethodSymbol method)
    {
        this.method = method;
        place = SourcePlace.Of(method.Locations[0]);
    }

    public static Candidate Read(GeneratorAttributeSyntaxContext context, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new MethodReader((IMethodSymbol)context.TargetSymbol).Read(context.Attributes);
    }

    private Candidate Read(IReadOnlyList<AttributeData> attributes)
    {
        var functions = attributes.Select(ReadFunction).ToArray();
        CheckMethod();
        var parameters = method.Parameters.Select(ReadParameter).ToArray();
        var result = ReadResult();
        var owner = ReadOwner();
        var model = problems.Count == 0
            ? new KernelMethod(owner, Escape(method.Name), method.IsStatic, result, new(parameters), new(functions))
            : null;
        return new(model, new(names.ToArray()), new(problems.ToArray()));
    }

    private FunctionName ReadFunction(AttributeData attribute)
    {
        var at = attribute.ApplicationSyntaxReference is { } syntax
            ? SourcePlace.Of(syntax.SyntaxTree.GetLocation(syntax.Span))
            : place;
        var name = attribute.ConstructorArguments.FirstOrDefault().Value as string ?? "";
        var support = $"{Runtime}.Support.Full";
        string? note = null;
        foreach (var argument in attribute.NamedArguments)
        {
            if (argument.Key == "Support")
                support = argument.Value.ToCSharpString();
            else if (argument.Key == "Note")
                note = argument.Value.Value as string;
        }

        if (!IsSymbol(name))
            problems.Add(Problem.Of(Problems.BadName, at, name));
        if (support.EndsWith(".Partial", StringComparison.Ordinal) && string.IsNullOrWhiteSpace(note))
            problems.Add(Problem.Of(Problems.MissingNote, at, name));
        names.Add(new(name, $"{method.ContainingType.Name}.{method.Name}", at));
        return new(name, "global::" + support, note);
    }

    private void CheckMethod()
    {
        var type = method.ContainingType;
        var reason =
            method.MethodKind != MethodKind.Ordinary ? "it is not an ordinary method"
            : method.IsAbstract ? "it is abstract"
            : method.IsGenericMethod ? "it is generic"
            : type.TypeKind != TypeKind.Class || type.IsStatic ? $"'{type.Name}' is not a class with instances"
            : Enclosing(type).Any(t => t.IsGenericType) ? $"'{type.Name}' is generic"
            : InheritsFunctions(type) ? $"a base class of '{type.Name}' has kernel functions, which those of '{type.Name}' would hide"
            : null;
        if (reason is not null)
            problems.Add(Problem.Of(Problems.BadMethod, place, method.Name, reason));
    }

    private Parameter ReadParameter(IParameterSymbol parameter)
    {
        var type = parameter.RefKind == RefKind.None ? ReadType(parameter.Type) : null;
        var isFrame = parameter.RefKind == RefKind.None && IsRuntime(parameter.Type, "CallFrame");
        if (type is null && !isFrame)
        {
            var given = (parameter.RefKind == RefKind.None ? "" : "a reference to ") + parameter.Type.ToDisplayString();
            problems.Add(Problem.Of(Problems.ParameterType, SourcePlace.Of(parameter.Locations[0]), parameter.Name, method.Name, given));
        }

        return new(parameter.Name, type);
    }

    private Result ReadResult()
    {
        var type = method.ReturnType;
        if (type.SpecialType == SpecialType.System_Void && !method.IsAsync)
            return new(null, IsTask: false);
        if (IsRuntime(type, "GuestTask"))
        {
            var arguments = ((INamedTypeSymbol)type).TypeArguments;
            if (arguments.IsEmpty)
                return new(null, IsTask: true);
            if (ReadType(arguments[0]) is { } awaited)
                return new(awaited, IsTask: true);
        }

        var value = method.RefKind == RefKind.None ? ReadType(type) : null;
        if (value is null)
        {
            var given = (method.IsAsync ? "async " : method.RefKind != RefKind.None ? "a reference to " : "") + type.ToDisplayString();
            problems.Add(Problem.Of(Problems.ReturnType, place, method.Name, given));
        }

        return new(value, IsTask: false);
    }

    private OwningClass ReadOwner()
    {
        var types = Enclosing(method.ContainingType).Reverse().ToArray();
        foreach (var type in types.Where(t => !IsPartial(t)))
            problems.Add(Problem.Of(Problems.NotPartial, SourcePlace.Of(type.Locations[0]), type.Name));

        var space = method.ContainingNamespace;
        return new(
            space.IsGlobalNamespace ? "" : space.ToDisplayString(),
            new(types.Select(Declaration).ToArray()),
            Escape(method.ContainingType.Name),
            $"{method.ContainingType.ToDisplayString()}.KernelFunctions.g.cs".Replace("@", ""));
    }

    private static RegisterType? ReadType(ITypeSymbol type)
    {
        var underlying = type is INamedTypeSymbol { EnumUnderlyingType: { } integer } ? integer : type;
        var keyword = underlying.SpecialType switch
        {
            SpecialType.System_UInt64 => "ulong",
            SpecialType.System_Int64 => "long",
            SpecialType.System_UInt32 => "uint",
            SpecialType.System_Int32 => "int",
            SpecialType.System_UInt16 => "ushort",
            SpecialType.System_Int16 => "short",
            SpecialType.System_Byte => "byte",
            SpecialType.System_SByte => "sbyte",
            SpecialType.System_Boolean => "bool",
            _ => null,
        };
        return keyword is null
            ? null
            : new(
                type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat),
                type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat),
                keyword);
    }

    private static bool IsRuntime(ITypeSymbol type, string name) =>
        type.Name == name && type.ContainingType is null && type.ContainingNamespace?.ToDisplayString() == Runtime;

    private static bool InheritsFunctions(INamedTypeSymbol type)
    {
        for (var parent = type.BaseType; parent is { SpecialType: not SpecialType.System_Object }; parent = parent.BaseType)
        {
            if (parent.GetMembers().Any(m => m.GetAttributes().Any(a => a.AttributeClass?.ToDisplayString() == AttributeName)))
                return true;
        }

        return false;
    }

    private static IEnumerable<INamedTypeSymbol> Enclosing(INamedTypeSymbol type)
    {
        for (var t = type; t is not null; t = t.ContainingType)
            yield return t;
    }

    private static bool IsPartial(INamedTypeSymbol type) => type.DeclaringSyntaxReferences.Any(
        r => r.GetSyntax() is TypeDeclarationSyntax declaration && declaration.Modifiers.Any(SyntaxKind.PartialKeyword));

    private static string Declaration(INamedTypeSymbol type)
    {
        var kind = type switch
        {
            { TypeKind: TypeKind.Interface } => "interface",
            { TypeKind: TypeKind.Struct, IsRecord: true } => "record struct",
            { TypeKind: TypeKind.Struct } => "struct",
            { IsRecord: true } => "record",
            _ => "class",
        };
        return $"partial {kind} {Escape(type.Name)}";
    }

    private static string Escape(string name) =>
        SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None ? name : "@" + name;

    /// <summary>Whether a name can be in the image: a C identifier, or a clone of one that GCC made, as <c>name.part.0</c>.</summary>
    private static bool IsSymbol(string name)
    {
        static bool IsLetter(char c) => c is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or '_';

        return name.Length > 0 && IsLetter(name[0]) && name.All(c => IsLetter(c) || c is (>= '0' and <= '9') or '.');
    }
}
