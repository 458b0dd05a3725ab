namespace Lkm.Kernel.Shell.Awk;

/// <summary>A program that is none, or does what is not supported.</summary>
internal sealed class AwkException(string message) : Exception(message);

/// <summary>An expression of awk (POSIX, "awk", Grammar).</summary>
internal abstract record AwkExpression;

/// <summary>A number or a string.</summary>
internal sealed record Literal(AwkValue Value) : AwkExpression;

/// <summary>/PATTERN/: by itself, whether $0 matches.</summary>
internal sealed record PatternLiteral(string Pattern) : AwkExpression;

/// <summary>NAME.</summary>
internal sealed record Variable(string Name) : AwkExpression;

/// <summary>$INDEX.</summary>
internal sealed record Field(AwkExpression Index) : AwkExpression;

/// <summary>ARRAY[KEYS].</summary>
internal sealed record Element(string Array, IReadOnlyList<AwkExpression> Keys) : AwkExpression;

/// <summary>KEY in ARRAY.</summary>
internal sealed record Contains(AwkExpression Key, string Array) : AwkExpression;

/// <summary>TARGET OPERATOR= VALUE; the operator is empty in a plain assignment.</summary>
internal sealed record Assignment(AwkExpression Target, string Operator, AwkExpression Value) : AwkExpression;

/// <summary>++ and --, before or behind what they change.</summary>
internal sealed record Step(AwkExpression Target, int Change, bool IsBefore) : AwkExpression;

/// <summary>!, - and +.</summary>
internal sealed record Unary(string Operator, AwkExpression Operand) : AwkExpression;

/// <summary>Two operands; a blank is concatenation.</summary>
internal sealed record Binary(string Operator, AwkExpression Left, AwkExpression Right) : AwkExpression;

/// <summary>CONDITION ? YES : NO.</summary>
internal sealed record Choice(AwkExpression Condition, AwkExpression Yes, AwkExpression No) : AwkExpression;

/// <summary>A function that awk has.</summary>
internal sealed record Call(string Function, IReadOnlyList<AwkExpression> Arguments) : AwkExpression;

/// <summary>A statement of awk.</summary>
internal abstract record AwkStatement;

/// <summary>An expression, for what it does.</summary>
internal sealed record Evaluation(AwkExpression Expression) : AwkStatement;

/// <summary>print and printf.</summary>
internal sealed record Print(IReadOnlyList<AwkExpression> Arguments, bool IsFormatted) : AwkStatement;

/// <summary>{ ... }.</summary>
internal sealed record Block(IReadOnlyList<AwkStatement> Statements) : AwkStatement;

/// <summary>if.</summary>
internal sealed record If(AwkExpression Condition, AwkStatement Then, AwkStatement? Else) : AwkStatement;

/// <summary>while, do and for: the test comes behind the first round in a do.</summary>
internal sealed record Loop(AwkStatement? Start, AwkExpression? Condition, AwkStatement? Next, AwkStatement Body, bool TestsBehind) : AwkStatement;

/// <summary>for (NAME in ARRAY).</summary>
internal sealed record ForEach(string Name, string Array, AwkStatement Body) : AwkStatement;

/// <summary>delete ARRAY[KEYS], or all of it.</summary>
internal sealed record Delete(string Array, IReadOnlyList<AwkExpression>? Keys) : AwkStatement;

/// <summary>break, continue, next and exit.</summary>
internal sealed record Jump(AwkFlow Flow, AwkExpression? Status) : AwkStatement;

/// <summary>How a statement ends.</summary>
internal enum AwkFlow
{
    /// <summary>The next one follows.</summary>
    Normal,

    /// <summary>break.</summary>
    Break,

    /// <summary>continue.</summary>
    Continue,

    /// <summary>next.</summary>
    Next,

    /// <summary>exit.</summary>
    Exit,
}

/// <summary>PATTERN { ACTION }; without a pattern for each line, without an action it prints the line.</summary>
internal sealed record AwkRule(AwkExpression? Pattern, AwkExpression? End, AwkStatement? Action);

/// <summary>A program.</summary>
internal sealed record AwkProgram(IReadOnlyList<AwkStatement> Begin, IReadOnlyList<AwkRule> Rules, IReadOnlyList<AwkStatement> End);
