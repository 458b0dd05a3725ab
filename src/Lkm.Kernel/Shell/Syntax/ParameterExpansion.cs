namespace Lkm.Kernel.Shell.Syntax;

/// <summary>
/// What stands between the braces of ${...} (POSIX.1-2017, XCU 2.6.2): a variable's name, or # and the name for the length of its value, or the name, an
/// operator and a plain text. The text of % and # is a pattern.
/// </summary>
/// <param name="Name">The variable.</param>
/// <param name="Operator">One of the operators; "length" for #NAME; empty for the value as it is.</param>
/// <param name="Text">What stands behind the operator.</param>
internal readonly record struct ParameterExpansion(string Name, string Operator, string Text)
{
    private const string Length = "length";
    private static readonly string[] Operators = [":-", ":+", "-", "+", "%%", "%", "##", "#"]; // the longer one of two first

    /// <summary>Reads what stands between the braces.</summary>
    /// <returns>Whether it is anything that this shell knows.</returns>
    public static bool TryParse(string inner, out ParameterExpansion expansion)
    {
        expansion = default;
        var start = inner is ['#', _, ..] ? 1 : 0;
        var end = start;
        while (end < inner.Length && (Lexer.IsNameStart(inner[end]) || (end > start && char.IsAsciiDigit(inner[end]))))
            end++;
        while (end < inner.Length && char.IsAsciiDigit(inner[end])) // a positional parameter
            end++;
        if (end == start || inner.AsSpan(end).IndexOfAny("$`\"'\\") >= 0)
            return false;
        var name = inner[start..end];
        var rest = inner[end..];
        if (rest.Length == 0)
        {
            expansion = new ParameterExpansion(name, start == 0 ? "" : Length, "");
            return true;
        }

        var found = start == 0 ? Array.Find(Operators, text => rest.StartsWith(text, StringComparison.Ordinal)) : null;
        if (found is not null)
            expansion = new ParameterExpansion(name, found, rest[found.Length..]);
        return found is not null;
    }

    /// <summary>What it becomes.</summary>
    /// <param name="value">The variable's value; null where it is not set.</param>
    public string Apply(string? value) => Operator switch
    {
        ":-" => value is null or "" ? Text : value,
        ":+" => value is null or "" ? "" : Text,
        "-" => value ?? Text,
        "+" => value is null ? "" : Text,
        "%" => WithoutEnd(value ?? "", isShortest: true),
        "%%" => WithoutEnd(value ?? "", isShortest: false),
        "#" => WithoutBeginning(value ?? "", isShortest: true),
        "##" => WithoutBeginning(value ?? "", isShortest: false),
        Length => $"{(value ?? "").Length}",
        _ => value ?? "",
    };

    private string WithoutEnd(string value, bool isShortest)
    {
        for (var i = 0; i <= value.Length; i++)
        {
            var start = isShortest ? value.Length - i : i;
            if (Wildcard.Matches(Text, value[start..]))
                return value[..start];
        }

        return value;
    }

    private string WithoutBeginning(string value, bool isShortest)
    {
        for (var i = 0; i <= value.Length; i++)
        {
            var end = isShortest ? i : value.Length - i;
            if (Wildcard.Matches(Text, value[..end]))
                return value[end..];
        }

        return value;
    }
}
