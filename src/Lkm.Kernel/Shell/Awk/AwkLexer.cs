using System.Globalization;
using System.Text;

namespace Lkm.Kernel.Shell.Awk;

/// <summary>What a token is.</summary>
internal enum AwkTokenKind
{
    /// <summary>A number.</summary>
    Number,

    /// <summary>A string, without its quotes.</summary>
    String,

    /// <summary>/PATTERN/, without the slashes.</summary>
    Pattern,

    /// <summary>A name or a word of the language.</summary>
    Name,

    /// <summary>An operator, a bracket, or the end of a line.</summary>
    Sign,

    /// <summary>The end.</summary>
    End,
}

/// <summary>A token; a name that is followed by '(' at once may be a function.</summary>
internal readonly record struct AwkToken(AwkTokenKind Kind, string Text);

/// <summary>Splits a program into tokens. A slash begins a pattern where no operand stands before it.</summary>
internal static class AwkLexer
{
    private static readonly string[] s_signs =
    [
        "&&", "||", "==", "!=", "<=", ">=", "!~", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", ">>", "{", "}", "(", ")", "[", "]", ";", "\n", ",", "+", "-", "*", "/", "%", "^",
        "!", ">", "<", "|", "?", ":", "~", "$", "=",
    ];

    /// <summary>Splits a program.</summary>
    /// <exception cref="AwkException">It has what is no token.</exception>
    public static List<AwkToken> Split(string program)
    {
        var tokens = new List<AwkToken>();
        for (var at = 0; at < program.Length;)
        {
            var c = program[at];
            if (c is ' ' or '\t' or '\r')
                at++;
            else if (c == '\\' && at + 1 < program.Length && program[at + 1] == '\n')
                at += 2;
            else if (c == '#')
                at = program.IndexOf('\n', at) is var end and >= 0 ? end : program.Length;
            else if (char.IsAsciiDigit(c) || (c == '.' && at + 1 < program.Length && char.IsAsciiDigit(program[at + 1])))
                tokens.Add(new AwkToken(AwkTokenKind.Number, Number(program, ref at)));
            else if (char.IsAsciiLetter(c) || c == '_')
                tokens.Add(new AwkToken(AwkTokenKind.Name, Name(program, ref at)));
            else if (c == '"')
                tokens.Add(new AwkToken(AwkTokenKind.String, Quoted(program, ref at)));
            else if (c == '/' && !IsOperand(tokens))
                tokens.Add(new AwkToken(AwkTokenKind.Pattern, Pattern(program, ref at)));
            else if (Array.Find(s_signs, s => string.CompareOrdinal(program, at, s, 0, s.Length) == 0) is { } sign)
            {
                tokens.Add(new AwkToken(AwkTokenKind.Sign, sign));
                at += sign.Length;
            }
            else
            {
                throw new AwkException($"unexpected character '{c}'");
            }
        }

        tokens.Add(new AwkToken(AwkTokenKind.End, ""));
        return tokens;
    }

    private static bool IsOperand(List<AwkToken> tokens) =>
        tokens is [.., { Kind: AwkTokenKind.Number or AwkTokenKind.String or AwkTokenKind.Pattern or AwkTokenKind.Name }] or [.., { Text: ")" or "]" or "$" or "++" or "--" }];

    private static string Number(string program, ref int at)
    {
        var start = at;
        if (program[at] == '0' && at + 1 < program.Length && program[at + 1] is 'x' or 'X')
        {
            at += 2;
            while (at < program.Length && char.IsAsciiHexDigit(program[at]))
                at++;
            return ulong.TryParse(program.AsSpan(start + 2, at - start - 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number)
                ? number.ToString(CultureInfo.InvariantCulture)
                : throw new AwkException($"no number: {program[start..at]}");
        }

        while (at < program.Length && (char.IsAsciiDigit(program[at]) || program[at] == '.'))
            at++;
        if (at + 1 < program.Length && program[at] is 'e' or 'E' && (char.IsAsciiDigit(program[at + 1]) || program[at + 1] is '+' or '-'))
        {
            at += 2;
            while (at < program.Length && char.IsAsciiDigit(program[at]))
                at++;
        }

        return program[start..at];
    }

    private static string Name(string program, ref int at)
    {
        var start = at;
        while (at < program.Length && (char.IsAsciiLetterOrDigit(program[at]) || program[at] == '_'))
            at++;
        return program[start..at];
    }

    private static string Quoted(string program, ref int at)
    {
        var text = new StringBuilder();
        for (at++; at < program.Length && program[at] != '"'; at++)
        {
            if (program[at] != '\\' || at + 1 == program.Length)
            {
                text.Append(program[at]);
                continue;
            }

            at++;
            var known = "\"\\/abfnrtv".IndexOf(program[at]);
            if (known >= 0)
                text.Append("\"\\/\a\b\f\n\r\t\v"[known]);
            else if (program[at] is >= '0' and <= '7')
                text.Append(Octal(program, ref at));
            else
                text.Append('\\').Append(program[at]);
        }

        if (at++ >= program.Length)
            throw new AwkException("a string has no end");
        return text.ToString();
    }

    private static char Octal(string program, ref int at)
    {
        var value = 0;
        for (var digits = 0; digits < 3 && at < program.Length && program[at] is >= '0' and <= '7'; digits++, at++)
            value = (value * 8) + program[at] - '0';
        at--;
        return (char)(byte)value;
    }

    private static string Pattern(string program, ref int at)
    {
        var text = new StringBuilder();
        var inBrackets = false;
        for (at++; at < program.Length && (program[at] != '/' || inBrackets) && program[at] != '\n'; at++)
        {
            if (program[at] == '\\' && at + 1 < program.Length)
            {
                if (program[++at] != '/')
                    text.Append('\\');
            }
            else
            {
                inBrackets = program[at] switch { '[' => true, ']' => false, _ => inBrackets };
            }

            text.Append(program[at]);
        }

        if (at >= program.Length || program[at] != '/')
            throw new AwkException("a pattern has no end");
        at++;
        return text.ToString();
    }
}
