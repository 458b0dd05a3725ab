namespace Lkm.Kernel.Generators;

/// <summary>A type that a register can carry: an integer, bool, or an enum of an integer.</summary>
/// <param name="Name">The type as generated code writes it.</param>
/// <param name="ShortName">The type as signatures show it.</param>
/// <param name="Underlying">The C# keyword of the integer that is carried, or <c>bool</c>.</param>
internal sealed record RegisterType(string Name, string ShortName, string Underlying)
{
    public bool IsEnum => Name != Underlying;
}

/// <summary>A parameter of a kernel function.</summary>
/// <param name="Name">Its name, without the <c>@</c> that escapes a keyword.</param>
/// <param name="Type">Its type; null for the <c>CallFrame</c>, which takes no register.</param>
internal sealed record Parameter(string Name, RegisterType? Type);

/// <summary>How a method's result reaches its caller.</summary>
/// <param name="Value">What goes to RAX; null when nothing does.</param>
/// <param name="IsTask">Whether the method returns a <c>GuestTask</c>, which may complete after guest code has run.</param>
internal sealed record Result(RegisterType? Value, bool IsTask);

/// <summary>One <c>[KernelFunction]</c>: a row of the compatibility table.</summary>
/// <param name="Name">The kernel symbol.</param>
/// <param name="Support">The member of the <c>Support</c> enum as generated code writes it.</param>
/// <param name="Note">What a partial implementation lacks.</param>
internal sealed record FunctionName(string Name, string Support, string? Note);

/// <summary>A class as generated code reopens it.</summary>
/// <param name="Namespace">Its namespace; empty for the global one.</param>
/// <param name="Declarations">It and the types it is nested in, outermost first: <c>partial class Name</c>.</param>
/// <param name="Name">Its name as generated code writes it.</param>
/// <param name="FileName">The name of the generated file.</param>
internal sealed record OwningClass(string Namespace, EquatableArray<string> Declarations, string Name, string FileName);

/// <summary>A method that implements one kernel function, under one name or several.</summary>
internal sealed record KernelMethod(
    OwningClass Owner,
    string Name,
    bool IsStatic,
    Result Result,
    EquatableArray<Parameter> Parameters,
    EquatableArray<FunctionName> Functions);

/// <summary>A class with all of its methods: the input of one generated file.</summary>
internal sealed record KernelClass(OwningClass Owner, EquatableArray<KernelMethod> Methods);

/// <summary>
/// What was read of one marked method. Source locations are only in <paramref name="Names"/> and <paramref name="Problems"/>, apart
/// from the model that source is generated from: a line added above a method does not generate its class again.
/// </summary>
/// <param name="Method">The model; null when the method cannot have a thunk.</param>
/// <param name="Names">The kernel symbols it claims, and where.</param>
/// <param name="Problems">What is wrong with it.</param>
internal sealed record Candidate(KernelMethod? Method, EquatableArray<ClaimedName> Names, EquatableArray<Problem> Problems);

/// <summary>A kernel symbol, and the attribute that claims it for a method.</summary>
internal sealed record ClaimedName(string Name, string Method, SourcePlace Place);
