using System.Globalization;

namespace Lkm.Kernel.Shell.Syntax;

/// <summary>$((EXPRESSION)): integers, variables, the operators of C but assignments and ?: (POSIX.1-2017, XCU 2.6.4). What is no expression is 0.</summary>
internal sealed class Arithmetic
{
    private static readonly string[][] Levels =
        [["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<=", ">=", "<", ">"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]];

    private readonly string _text;
    private readonly Func<string, string> _variable;
    private int _at, _nesting;

    private Arithmetic(string text, Func<string, string> variable) => (_text, _variable) = (text, variable);

    /// <summary>Evaluates an expression.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="variable">The value of a variable.</param>
    public static string Evaluate(string text, Func<string, string> variable) =>
        new Arithmetic(text, variable).Binary(0).ToString(CultureInfo.InvariantCulture);

    private long Binary(int level)
    {
        if (level == Levels.Length)
            return Unary();
        var left = Binary(level + 1);
        while (Take(level) is { } op)
            left = Apply(op, left, Binary(level + 1));
        return left;
    }

    private string? Take(int level)
    {
        SkipBlanks();
        foreach (var op in Levels[level])
        {
            if (string.CompareOrdinal(_text, _at, op, 0, op.Length) != 0)
                continue;
            var next = _at + 1 < _text.Length ? _text[_at + 1] : ' ';
            if (op.Length == 1 && op[0] is '|' or '&' or '<' or '>' && next == op[0])
                continue;
            _at += op.Length;
            return op;
        }

        return null;
    }

    private long Unary()
    {
        const int deepest = 100;
        SkipBlanks();
        if (_at == _text.Length || ++_nesting > deepest)
        {
            _at = _text.Length;
            return 0;
        }

        var value = Primary();
        _nesting--;
        return value;
    }

    private long Primary()
    {
        var c = _text[_at];
        if (c is '-' or '+' or '!' or '~')
        {
            _at++;
            var value = Unary();
            return c switch { '-' => -value, '!' => value == 0 ? 1 : 0, '~' => ~value, _ => value };
        }

        if (c == '(')
        {
            _at++;
            var inner = Binary(0);
            SkipBlanks();
            _at = Math.Min(_at + 1, _text.Length);
            return inner;
        }

        var start = _at;
        if (c == '$')
            start = ++_at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] == '_'))
            _at++;
        if (_at == start)
        {
            _at = _text.Length; // nothing that could be read: no loop over it
            return 0;
        }

        var word = _text[start.._at];
        return Number(char.IsAsciiDigit(word[0]) ? word : _variable(word));
    }

    private static long Number(string text)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? hex : 0;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : 0;
    }

    private static long Apply(string op, long a, long b) => op switch
    {
        "||" => a != 0 || b != 0 ? 1 : 0,
        "&&" => a != 0 && b != 0 ? 1 : 0,
        "|" => a | b,
        "^" => a ^ b,
        "&" => a & b,
        "==" => a == b ? 1 : 0,
        "!=" => a != b ? 1 : 0,
        "<=" => a <= b ? 1 : 0,
        ">=" => a >= b ? 1 : 0,
        "<" => a < b ? 1 : 0,
        ">" => a > b ? 1 : 0,
        "<<" => a << (int)b,
        ">>" => a >> (int)b,
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => b is 0 or -1 ? -a * -b : a / b,
        _ => b is 0 or -1 ? 0 : a % b,
    };

    private void SkipBlanks()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
            _at++;
    }
}
