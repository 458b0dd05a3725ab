namespace Lkm.Kernel.Shell.Syntax;

/// <summary>What a piece of a word stands for.</summary>
internal enum WordPartKind
{
    /// <summary>Text whose *, ? and [ are wildcards.</summary>
    Bare,

    /// <summary>Text that was quoted: it stands for itself.</summary>
    Quoted,

    /// <summary>$?: the exit status of the last command.</summary>
    Status,

    /// <summary>$NAME or ${...} (<see cref="ParameterExpansion"/>): a variable's value, or what is made of it; which blanks split into words.</summary>
    Variable,

    /// <summary>The same in double quotes: one word.</summary>
    QuotedVariable,

    /// <summary>$(LINE) or `LINE`: what a line prints, which blanks split into words.</summary>
    Substitution,

    /// <summary>The same in double quotes: one word.</summary>
    QuotedSubstitution,

    /// <summary>$((EXPRESSION)): a number.</summary>
    Arithmetic,
}

/// <summary>A piece of a word.</summary>
internal readonly record struct WordPart(WordPartKind Kind, string Text);

/// <summary>A word: pieces that were written without a blank between them.</summary>
internal sealed record Word(IReadOnlyList<WordPart> Parts);

/// <summary>How a redirection opens its file.</summary>
internal enum RedirectionKind
{
    /// <summary>&lt;: for reading.</summary>
    Read,

    /// <summary>&gt;: truncated, or created.</summary>
    Write,

    /// <summary>&gt;&gt;: written at its end, or created.</summary>
    Append,

    /// <summary>&lt;&gt;: for both, or created.</summary>
    ReadWrite,

    /// <summary>&gt;&amp; and &lt;&amp;: no file, but where another descriptor goes; - closes it.</summary>
    Duplicate,
}

/// <summary>One redirection.</summary>
/// <param name="Descriptor">0 (input), 1 (output), 2 (errors), or 3 to 9, which the line's commands can name.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Target">The file, or the descriptor's number.</param>
internal sealed record Redirection(int Descriptor, RedirectionKind Kind, Word Target);

/// <summary>A command, simple or compound.</summary>
/// <param name="Redirections">Where it reads and writes.</param>
internal abstract record CommandSyntax(IReadOnlyList<Redirection> Redirections);

/// <summary>A command: assignments, its name and its arguments.</summary>
internal sealed record SimpleCommand(IReadOnlyList<Word> Words, IReadOnlyList<Redirection> Redirections) : CommandSyntax(Redirections);

/// <summary>for NAME in WORDS; do BODY; done.</summary>
internal sealed record ForCommand(string Name, IReadOnlyList<Word> Words, IReadOnlyList<ListItem> Body, IReadOnlyList<Redirection> Redirections)
    : CommandSyntax(Redirections);

/// <summary>while CONDITION; do BODY; done, or until.</summary>
internal sealed record WhileCommand(bool IsUntil, IReadOnlyList<ListItem> Condition, IReadOnlyList<ListItem> Body, IReadOnlyList<Redirection> Redirections)
    : CommandSyntax(Redirections);

/// <summary>if CONDITION; then BODY; elif ...; else OTHERWISE; fi.</summary>
internal sealed record IfCommand(
    IReadOnlyList<(IReadOnlyList<ListItem> Condition, IReadOnlyList<ListItem> Body)> Branches, IReadOnlyList<ListItem> Otherwise, IReadOnlyList<Redirection> Redirections)
    : CommandSyntax(Redirections);

/// <summary>case WORD in PATTERNS) BODY ;; ... esac.</summary>
internal sealed record CaseCommand(
    Word Word, IReadOnlyList<(IReadOnlyList<Word> Patterns, IReadOnlyList<ListItem> Body)> Branches, IReadOnlyList<Redirection> Redirections)
    : CommandSyntax(Redirections);

/// <summary>{ BODY; }, or ( BODY ) whose variables are its own.</summary>
internal sealed record GroupCommand(bool IsSubshell, IReadOnlyList<ListItem> Body, IReadOnlyList<Redirection> Redirections) : CommandSyntax(Redirections);

/// <summary>NAME() COMMAND.</summary>
internal sealed record FunctionCommand(string Name, CommandSyntax Body) : CommandSyntax([]);

/// <summary>Commands connected by pipes.</summary>
/// <param name="Commands">At least one.</param>
/// <param name="Negated">Whether ! stands before it.</param>
internal sealed record Pipeline(IReadOnlyList<CommandSyntax> Commands, bool Negated);

/// <summary>When a pipeline runs.</summary>
internal enum RunCondition
{
    /// <summary>After the one before it.</summary>
    Always,

    /// <summary>&amp;&amp;: when the last status is 0.</summary>
    IfSucceeded,

    /// <summary>||: when the last status is not 0.</summary>
    IfFailed,
}

/// <summary>A pipeline of a list.</summary>
internal readonly record struct ListItem(RunCondition Condition, Pipeline Pipeline, bool InBackground = false);

/// <summary>A line: the pipelines to run, or why it is none.</summary>
/// <param name="Items">The pipelines; empty when there is an error.</param>
/// <param name="Error">What is wrong with the line, without "sh: " before it.</param>
internal sealed record ParsedLine(IReadOnlyList<ListItem> Items, string? Error);
