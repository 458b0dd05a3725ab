namespace Lkm.Kernel.Shell.Syntax;

/// <summary>
/// Reads a line of the shell: commands with words and redirections, connected by pipes, &amp;&amp;, ||, ; and &amp; (the part of
/// POSIX.1-2017, XCU 2.10 without compound commands and functions). Only single pipelines go to the background.
/// </summary>
internal sealed class ShellParser
{
    private readonly Lexer _lexer;
    private Token _next;
    private string? _error;

    private ShellParser(string line)
    {
        _lexer = new Lexer(line);
        Advance();
    }

    /// <summary>Reads a line.</summary>
    public static ParsedLine Parse(string line)
    {
        var parser = new ShellParser(line);
        var items = parser.ParseList();
        return parser._error is { } error ? new ParsedLine([], error) : new ParsedLine(items, null);
    }

    private bool AtEnd => _next is { Word: null, Operator: null };

    private void Advance()
    {
        _next = _lexer.Next();
        _error ??= _lexer.Error;
    }

    private bool TryTake(string op)
    {
        if (_next.Operator != op)
            return false;
        Advance();
        return true;
    }

    private void Unexpected() => _error ??= _next switch
    {
        { Operator: "<<" } => "here-documents (<<) are not supported",
        { Operator: { } op } => $"syntax error: unexpected \"{op}\"",
        { Word: not null } => "syntax error: unexpected word",
        _ => "syntax error: unexpected end of line",
    };

    private List<ListItem> ParseList()
    {
        var items = new List<ListItem>();
        var condition = RunCondition.Always;
        while (_error is null)
        {
            if (condition == RunCondition.Always)
            {
                while (TryTake(";"))
                {
                    // Empty commands, as between two newlines, mean nothing.
                }

                if (AtEnd)
                    break;
            }

            items.Add(new ListItem(condition, ParsePipeline()));
            if (TryTake("&"))
            {
                items[^1] = items[^1] with { InBackground = true };
                condition = RunCondition.Always;
            }
            else if (TryTake("&&"))
                condition = RunCondition.IfSucceeded;
            else if (TryTake("||"))
                condition = RunCondition.IfFailed;
            else if (TryTake(";") || AtEnd)
                condition = RunCondition.Always;
            else
                Unexpected();
        }

        return items;
    }

    private Pipeline ParsePipeline()
    {
        var negated = false;
        while (_next.Word is { Parts: [{ Kind: WordPartKind.Bare, Text: "!" }] })
        {
            negated = !negated;
            Advance();
        }

        var commands = new List<SimpleCommand>();
        do
        {
            commands.Add(ParseCommand());
        }
        while (_error is null && TryTake("|"));
        return new Pipeline(commands, negated);
    }

    private SimpleCommand ParseCommand()
    {
        var words = new List<Word>();
        var redirections = new List<Redirection>();
        while (_error is null)
        {
            if (_next.Word is { } word)
            {
                words.Add(word);
                Advance();
            }
            else if (!TryParseRedirection(redirections))
            {
                break;
            }
        }

        if (words.Count == 0 && redirections.Count == 0)
            Unexpected();
        return new SimpleCommand(words, redirections);
    }

    private bool TryParseRedirection(List<Redirection> redirections)
    {
        if (_next.Operator is not { } op)
            return false;
        var digit = char.IsAsciiDigit(op[0]);
        RedirectionKind? kind = (digit ? op[1..] : op) switch
        {
            "<" => RedirectionKind.Read,
            ">" => RedirectionKind.Write,
            ">>" => RedirectionKind.Append,
            ">&" => RedirectionKind.Duplicate,
            _ => null,
        };
        if (kind is null)
            return false;
        var descriptor = digit ? op[0] - '0' : kind == RedirectionKind.Read ? 0 : 1;
        if (descriptor > 2 || (descriptor == 0) != (kind == RedirectionKind.Read))
        {
            _error ??= $"{op}: only <, >, 1> and 2> are supported, and >> and >& of these";
            return true;
        }

        Advance();
        if (_next.Word is not { } target)
        {
            Unexpected();
            return true;
        }

        redirections.Add(new Redirection(descriptor, kind.Value, target));
        Advance();
        return true;
    }
}
