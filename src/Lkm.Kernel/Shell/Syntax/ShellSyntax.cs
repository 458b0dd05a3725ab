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

    /// <summary>&gt;&amp;: no file, but where another descriptor goes.</summary>
    Duplicate,
}

/// <summary>One redirection.</summary>
/// <param name="Descriptor">0 (input), 1 (output) or 2 (errors).</param>
/// <param name="Kind">What is done.</param>
/// <param name="Target">The file, or the descriptor's number.</param>
internal sealed record Redirection(int Descriptor, RedirectionKind Kind, Word Target);

/// <summary>A command: its name, its arguments and its redirections.</summary>
internal sealed record SimpleCommand(IReadOnlyList<Word> Words, IReadOnlyList<Redirection> Redirections);

/// <summary>Commands connected by pipes.</summary>
/// <param name="Commands">At least one.</param>
/// <param name="Negated">Whether ! stands before it.</param>
internal sealed record Pipeline(IReadOnlyList<SimpleCommand> Commands, bool Negated);

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
