using System.Globalization;
using Lkm.Formats;

namespace Lkm.Kernel.Probes;

/// <summary>A value that a probe reports: a register, or an argument by its name in the kernel's type information.</summary>
/// <param name="Label">What it is called in the report.</param>
/// <param name="Source">A register (<c>%rdx</c>), an argument's number (<c>$arg1</c>) or its name.</param>
public readonly record struct ProbeField(string Label, string Source);

/// <summary>
/// What to watch: <c>vfs_read</c>, <c>vfs_read(file, count)</c>, <c>kmalloc_trace(size=%rdx) -> $ret</c>, <c>MODULE:FUNCTION</c>. Without parentheses
/// all arguments are reported, as far as types tell of them.
/// </summary>
/// <param name="Module">The module that has the function; null for the kernel's own.</param>
/// <param name="Function">The function.</param>
/// <param name="Fields">What to report on entry; null for all arguments.</param>
/// <param name="WantsReturn">Whether the return is reported as well.</param>
public sealed record ProbeExpression(string? Module, string Function, IReadOnlyList<ProbeField>? Fields, bool WantsReturn)
{
    /// <summary>Reads an expression.</summary>
    /// <returns>The expression, or an error with the offset of what is wrong.</returns>
    public static Result<ProbeExpression> Parse(string text)
    {
        var rest = text.AsSpan().TrimEnd();
        var wantsReturn = false;
        if (rest.IndexOf("->", StringComparison.Ordinal) is var arrow and >= 0)
        {
            if (!rest[(arrow + 2)..].Trim().SequenceEqual("$ret"))
                return Wrong(text, arrow, "behind -> only $ret can stand");
            wantsReturn = true;
            rest = rest[..arrow].TrimEnd();
        }

        List<ProbeField>? fields = null;
        if (rest.IndexOf('(') is var open and >= 0)
        {
            if (rest[^1] != ')')
                return Wrong(text, rest.Length, "a ) is missing");
            fields = [];
            var at = open + 1;
            foreach (var range in rest[at..^1].Split(','))
            {
                var item = rest[at..^1][range].Trim();
                if (item.IsEmpty && rest[at..^1].Trim().IsEmpty)
                    break;
                if (!TryField(item, out var field))
                    return Wrong(text, at + range.Start.Value, "an argument is a name, $argN or %register, with LABEL= before it or not");
                fields.Add(field);
            }

            rest = rest[..open];
        }

        rest = rest.Trim();
        var colon = rest.IndexOf(':');
        var module = colon < 0 ? null : rest[..colon].ToString();
        var function = rest[(colon + 1)..];
        if (!IsName(function) || (module is not null && !IsName(module)))
            return Wrong(text, 0, "FUNCTION or MODULE:FUNCTION is missing");
        return new ProbeExpression(module, function.ToString(), fields, wantsReturn);
    }

    private static bool TryField(ReadOnlySpan<char> item, out ProbeField field)
    {
        var equals = item.IndexOf('=');
        var source = item[(equals + 1)..].Trim();
        var label = equals < 0 ? source : item[..equals].Trim();
        field = new ProbeField(label.ToString(), source.ToString());
        if (source.IsEmpty || (equals >= 0 && !IsName(label)))
            return false;
        return source[0] switch
        {
            '%' => ProbeRegisters.Exists(source[1..]),
            '$' => source.StartsWith("$arg", StringComparison.Ordinal)
                && int.TryParse(source[4..], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= ProbeRegisters.Arguments,
            _ => IsName(source),
        };
    }

    private static bool IsName(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    private static FormatError Wrong(string text, int offset, string reason) => new($"'{text}'", offset, reason, Errno.EINVAL);
}
