namespace Lkm.Kernel.Shell.Syntax;

/// <summary>
/// Reads a line of the shell: commands with words and redirections, connected by pipes, &amp;&amp;, ||, ; and &amp;, and the compound commands
/// for, while, until, if, case, { } and ( ), and functions (POSIX.1-2017, XCU 2.10). Only single pipelines go to the background.
/// </summary>
internal sealed class ShellParser
{
    private readonly Lexer _lexer;
    private Token _next;
    private string? _error;
    private int _nesting;

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
        if (!parser.AtEnd)
            parser.Unexpected();
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
        { Word: { Parts: [{ Kind: WordPartKind.Bare, Text: var text }] } } => $"syntax error: unexpected \"{text}\"",
        { Word: not null } => "syntax error: unexpected word",
        _ => "syntax error: unexpected end of line",
    };

    /// <summary>Reads pipelines up to one of the reserved words, or the end.</summary>
    private List<ListItem> ParseList(params string[] ends)
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

                if (AtEnd || IsNext(ends) || _next.Operator is ")" or ";;")
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
            else if (TryTake(";") || AtEnd || _next.Operator is ")" or ";;")
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

        var commands = new List<CommandSyntax>();
        do
        {
            commands.Add(ParseCommand());
        }
        while (_error is null && TryTake("|"));
        return new Pipeline(commands, negated);
    }

    private CommandSyntax ParseCommand()
    {
        const int deepest = 100;
        if (++_nesting > deepest)
            _error ??= "the line is nested too deeply";
        var command = _error is null ? ParseAny() : new SimpleCommand([], []);
        _nesting--;
        return command;
    }

    private CommandSyntax ParseAny()
    {
        if (TryTakeWord("for"))
            return ParseFor();
        if (IsNext("while", "until"))
            return ParseWhile();
        if (TryTakeWord("if"))
            return ParseIf();
        if (TryTakeWord("case"))
            return ParseCase();
        if (TryTakeWord("{"))
        {
            var body = ParseBody("}");
            return new GroupCommand(IsSubshell: false, body, ParseRedirections());
        }

        if (TryTake("("))
        {
            var body = ParseList();
            if (!TryTake(")"))
                Unexpected();
            return new GroupCommand(IsSubshell: true, body, ParseRedirections());
        }

        return ParseSimple();
    }

    private CommandSyntax ParseSimple()
    {
        var words = new List<Word>();
        var redirections = new List<Redirection>();
        if (IsNext("do", "done", "then", "elif", "else", "fi", "esac", "}"))
            Unexpected();
        while (_error is null)
        {
            if (_next.Word is { } word)
            {
                words.Add(word);
                Advance();
                if (words.Count == 1 && redirections.Count == 0 && _next.Operator == "(")
                    return ParseFunction(word);
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

    private FunctionCommand ParseFunction(Word word)
    {
        Advance();
        var name = word is { Parts: [{ Kind: WordPartKind.Bare, Text: var text }] } && Lexer.IsNameStart(text[0]) ? text : "";
        if (name.Length == 0 || !TryTake(")"))
            Unexpected();
        SkipSeparators();
        var body = ParseCommand();
        if (body is SimpleCommand)
            Unexpected();
        return new FunctionCommand(name, body);
    }

    private ForCommand ParseFor()
    {
        var name = _next.Word is { Parts: [{ Kind: WordPartKind.Bare, Text: var text }] } && Lexer.IsNameStart(text[0]) ? text : "";
        if (name.Length == 0)
            Unexpected();
        Advance();
        var words = new List<Word>();
        if (TryTakeWord("in"))
        {
            for (; _error is null && _next.Word is { } word; Advance())
                words.Add(word);
        }
        else
        {
            words.Add(new Word([new WordPart(WordPartKind.QuotedVariable, "@")]));
        }

        SkipSeparators();
        return new ForCommand(name, words, ParseLoop(), ParseRedirections());
    }

    private WhileCommand ParseWhile()
    {
        var isUntil = IsNext("until");
        Advance();
        var condition = ParseList("do");
        return new WhileCommand(isUntil, condition, ParseLoop(), ParseRedirections());
    }

    private List<ListItem> ParseLoop()
    {
        if (!TryTakeWord("do"))
            Unexpected();
        return ParseBody("done");
    }

    private IfCommand ParseIf()
    {
        var branches = new List<(IReadOnlyList<ListItem>, IReadOnlyList<ListItem>)>();
        List<ListItem> otherwise = [];
        do
        {
            var condition = ParseList("then");
            if (!TryTakeWord("then"))
                Unexpected();
            branches.Add((condition, ParseList("elif", "else", "fi")));
        }
        while (_error is null && TryTakeWord("elif"));
        if (TryTakeWord("else"))
            otherwise = ParseList("fi");
        if (!TryTakeWord("fi"))
            Unexpected();
        return new IfCommand(branches, otherwise, ParseRedirections());
    }

    private CaseCommand ParseCase()
    {
        var word = TakeAnyWord();
        SkipSeparators();
        if (!TryTakeWord("in"))
            Unexpected();
        SkipSeparators();
        var branches = new List<(IReadOnlyList<Word>, IReadOnlyList<ListItem>)>();
        while (_error is null && !IsNext("esac"))
        {
            TryTake("(");
            var patterns = new List<Word>();
            do
            {
                patterns.Add(TakeAnyWord());
            }
            while (_error is null && TryTake("|"));
            if (!TryTake(")"))
                Unexpected();
            branches.Add((patterns, ParseList("esac")));
            if (!TryTake(";;"))
                break;
            SkipSeparators();
        }

        if (!TryTakeWord("esac"))
            Unexpected();
        return new CaseCommand(word, branches, ParseRedirections());
    }

    private Word TakeAnyWord()
    {
        var word = _next.Word;
        if (word is null)
            Unexpected();
        else
            Advance();
        return word ?? new Word([]);
    }

    private List<ListItem> ParseBody(string end)
    {
        var body = ParseList(end);
        if (!TryTakeWord(end))
            Unexpected();
        return body;
    }

    private List<Redirection> ParseRedirections()
    {
        var redirections = new List<Redirection>();
        while (_error is null && TryParseRedirection(redirections))
        {
            // one after another
        }

        return redirections;
    }

    private void SkipSeparators()
    {
        while (TryTake(";"))
        {
            // newlines are separators too
        }
    }

    /// <summary>Whether the next word is one of these, unquoted.</summary>
    private bool IsNext(params ReadOnlySpan<string> words) =>
        _next.Word is { Parts: [{ Kind: WordPartKind.Bare, Text: var text }] } && words.Contains(text);

    private bool TryTakeWord(string word)
    {
        if (!IsNext(word))
            return false;
        Advance();
        return true;
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
            "<>" => RedirectionKind.ReadWrite,
            ">&" or "<&" => RedirectionKind.Duplicate,
            _ => null,
        };
        if (kind is null)
            return false;
        var descriptor = digit ? op[0] - '0' : op[0] == '<' ? 0 : 1;
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
