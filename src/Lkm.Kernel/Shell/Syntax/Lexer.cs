using System.Text;

namespace Lkm.Kernel.Shell.Syntax;

/// <summary>A token: a word, or an operator by its text; neither at the end.</summary>
internal readonly record struct Token(Word? Word, string? Operator);

/// <summary>Splits a line into words and operators (POSIX.1-2017, XCU 2.3), as far as this shell goes.</summary>
internal sealed class Lexer(string line)
{
    private static readonly string[] Operators = ["&&", "||", ";;", ">>", ">&", "<<", "<&", "<>", "&", "|", ";", ">", "<", "(", ")"];

    private readonly List<WordPart> _parts = [];
    private readonly StringBuilder _text = new();
    private int _at;

    /// <summary>Why the line cannot be split; no token follows.</summary>
    public string? Error { get; private set; }

    /// <summary>Takes the next token.</summary>
    /// <returns>The token; one with neither word nor operator at the end of the line or at an error.</returns>
    public Token Next()
    {
        while (_at < line.Length && line[_at] is ' ' or '\t' or '\r')
            _at++;
        if (_at < line.Length && line[_at] == '#')
            _at = line.IndexOf('\n', _at) is var end and >= 0 ? end : line.Length;
        if (_at == line.Length)
            return default;
        if (line[_at] == '\n')
        {
            _at++;
            return new Token(null, ";");
        }

        return TakeOperator() is { } op ? new Token(null, op) : TakeWord();
    }

    private string? TakeOperator()
    {
        // A single digit directly before a redirection is its descriptor.
        if (_at + 1 < line.Length && line[_at] is >= '0' and <= '9' && line[_at + 1] is '>' or '<')
        {
            var digit = line[_at++];
            return digit + TakeOperator();
        }

        foreach (var op in Operators)
        {
            if (string.CompareOrdinal(line, _at, op, 0, op.Length) == 0)
            {
                _at += op.Length;
                return op;
            }
        }

        return null;
    }

    private Token TakeWord()
    {
        _parts.Clear();
        while (_at < line.Length && Error is null && !EndsWord(line[_at]))
        {
            switch (line[_at])
            {
                case '\'':
                    TakeSingleQuoted();
                    break;
                case '"':
                    TakeDoubleQuoted();
                    break;
                case '\\':
                    TakeEscape();
                    break;
                case '$':
                    TakeExpansion(WordPartKind.Bare);
                    break;
                case '`':
                    TakeBackquoted(WordPartKind.Bare);
                    break;
                default:
                    _text.Append(line[_at++]);
                    break;
            }
        }

        EndPart(WordPartKind.Bare);
        return Error is null ? new Token(new Word([.. _parts]), null) : default;
    }

    private static bool EndsWord(char c) => c is ' ' or '\t' or '\r' or '\n' or ';' or '&' or '|' or '<' or '>' or '(' or ')';

    private void TakeSingleQuoted()
    {
        EndPart(WordPartKind.Bare);
        var end = line.IndexOf('\'', _at + 1);
        if (end < 0)
        {
            Error = "syntax error: unterminated quoted string";
            return;
        }

        _parts.Add(new WordPart(WordPartKind.Quoted, line[(_at + 1)..end]));
        _at = end + 1;
    }

    private void TakeDoubleQuoted()
    {
        EndPart(WordPartKind.Bare);
        for (_at++; _at < line.Length && line[_at] != '"' && Error is null;)
        {
            if (line[_at] == '$')
                TakeExpansion(WordPartKind.Quoted);
            else if (line[_at] == '`')
                TakeBackquoted(WordPartKind.Quoted);
            else if (line[_at] == '\\' && _at + 1 < line.Length && line[_at + 1] is '$' or '`' or '"' or '\\' or '\n')
                TakeEscapedCharacter();
            else
                _text.Append(line[_at++]);
        }

        if (Error is null && _at == line.Length)
            Error = "syntax error: unterminated quoted string";
        _at++;
        _parts.Add(new WordPart(WordPartKind.Quoted, _text.ToString()));
        _text.Clear();
    }

    private void TakeEscape()
    {
        if (_at + 1 == line.Length)
        {
            _text.Append(line[_at++]);
            return;
        }

        EndPart(WordPartKind.Bare);
        TakeEscapedCharacter();
        EndPart(WordPartKind.Quoted);
    }

    /// <summary>A backslash and what it quotes; before a newline both go.</summary>
    private void TakeEscapedCharacter()
    {
        if (line[_at + 1] != '\n')
            _text.Append(line[_at + 1]);
        _at += 2;
    }

    private void TakeExpansion(WordPartKind around)
    {
        var next = _at + 1 < line.Length ? line[_at + 1] : ' ';
        var isQuoted = around == WordPartKind.Quoted;
        if (next == '?')
            Add(around, WordPartKind.Status, "", _at + 2);
        else if (next == '(')
            TakeParenthesised(around);
        else if (next == '{')
            TakeBraced(around);
        else if (IsNameStart(next) || next is '$' or '!' or '#' or '@' or '*' || char.IsAsciiDigit(next))
        {
            var end = _at + 2;
            while (IsNameStart(next) && end < line.Length && (IsNameStart(line[end]) || char.IsAsciiDigit(line[end])))
                end++;
            Add(around, isQuoted ? WordPartKind.QuotedVariable : WordPartKind.Variable, line[(_at + 1)..end], end);
        }
        else
        {
            _text.Append(line[_at++]);
        }
    }

    /// <summary>Whether a name may begin with the character.</summary>
    internal static bool IsNameStart(char c) => c == '_' || char.IsAsciiLetter(c);

    private void TakeBraced(WordPartKind around)
    {
        var end = line.IndexOf('}', _at);
        var text = end < 0 ? "" : line[(_at + 2)..end];
        if (!ParameterExpansion.TryParse(text, out _))
            Error = "${...}: a variable's name, #NAME, and :- :+ - + % %% # ## with a plain text are supported";
        else
            Add(around, around == WordPartKind.Quoted ? WordPartKind.QuotedVariable : WordPartKind.Variable, text, end + 1);
    }

    private void TakeParenthesised(WordPartKind around)
    {
        var depth = 0;
        var quote = '\0';
        for (var end = _at + 1; end < line.Length; end++)
        {
            var c = line[end];
            if (c == '\\' && quote != '\'')
                end++;
            else if (quote != '\0')
                quote = c == quote ? '\0' : quote;
            else if (c is '\'' or '"')
                quote = c;
            else if (c == '(')
                depth++;
            else if (c == ')' && --depth == 0)
            {
                var inner = line[(_at + 2)..end];
                if (inner is ['(', .. var expression, ')'])
                    Add(around, WordPartKind.Arithmetic, expression, end + 1);
                else
                    Add(around, around == WordPartKind.Quoted ? WordPartKind.QuotedSubstitution : WordPartKind.Substitution, inner, end + 1);
                return;
            }
        }

        Error = "syntax error: unterminated $(";
    }

    private void TakeBackquoted(WordPartKind around)
    {
        var inner = new StringBuilder();
        for (var end = _at + 1; end < line.Length; end++)
        {
            if (line[end] == '`')
            {
                Add(around, around == WordPartKind.Quoted ? WordPartKind.QuotedSubstitution : WordPartKind.Substitution, inner.ToString(), end + 1);
                return;
            }

            if (line[end] == '\\' && end + 1 < line.Length && line[end + 1] is '`' or '\\' or '$')
                end++;
            inner.Append(line[end]);
        }

        Error = "syntax error: unterminated `";
    }

    private void Add(WordPartKind around, WordPartKind kind, string text, int end)
    {
        EndPart(around);
        _parts.Add(new WordPart(kind, text));
        _at = end;
    }

    private void EndPart(WordPartKind kind)
    {
        if (_text.Length == 0)
            return;
        _parts.Add(new WordPart(kind, _text.ToString()));
        _text.Clear();
    }
}
