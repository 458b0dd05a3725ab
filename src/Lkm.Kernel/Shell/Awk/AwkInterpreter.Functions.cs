using System.Text;

namespace Lkm.Kernel.Shell.Awk;

/// <content>The functions that awk has.</content>
internal sealed partial class AwkInterpreter
{
    private ulong _random = 1;
    private double _seed = 1;

    private AwkValue Evaluate(Call call)
    {
        var arguments = call.Arguments;
        switch (call.Function)
        {
            case "length":
                return arguments is [Variable { Name: var name }] && _arrays.TryGetValue(name, out var counted) && !_variables.ContainsKey(name)
                    ? AwkValue.Of(counted.Count)
                    : AwkValue.Of(arguments.Count == 0 ? _line.Length : Text(0).Length);
            case "substr":
                return AwkValue.Of(Part(Text(0), Number(1), arguments.Count > 2 ? Number(2) : double.PositiveInfinity));
            case "index":
                return AwkValue.Of(Text(1) is { Length: > 0 } part ? Text(0).IndexOf(part, StringComparison.Ordinal) + 1 : 0);
            case "split":
                return Split(arguments);
            case "sub" or "gsub":
                return Substitute(arguments, everywhere: call.Function == "gsub");
            case "match":
                var found = PatternOf(PatternText(1)).Match(Text(0));
                _variables["RSTART"] = AwkValue.Of(found.Success ? found.Index + 1 : 0);
                _variables["RLENGTH"] = AwkValue.Of(found.Success ? found.Length : -1);
                return _variables["RSTART"];
            case "tolower":
                return AwkValue.Of(Text(0).ToLowerInvariant());
            case "toupper":
                return AwkValue.Of(Text(0).ToUpperInvariant());
            case "sprintf":
                return AwkValue.Of(AwkFormat.Format(Text(0), [.. arguments.Skip(1).Select(Evaluate)]));
            case "rand":
                _random = (_random * 6364136223846793005) + 1442695040888963407;
                return AwkValue.Of((_random >> 11) / (double)(1UL << 53));
            case "srand":
                var before = _seed;
                _seed = arguments.Count > 0 ? Number(0) : 0; // the time, which is the same in each run
                _random = (ulong)BitConverter.DoubleToInt64Bits(_seed);
                return AwkValue.Of(before);
            default:
                return AwkValue.Of(Calculate(call.Function, Number(0), arguments.Count > 1 ? Number(1) : 0));
        }

        AwkExpression Argument(int i) => i < arguments.Count ? arguments[i] : throw new AwkException($"{call.Function}() needs more arguments");
        string Text(int i) => TextOf(Argument(i));
        string PatternText(int i) => PatternTextOf(Argument(i));
        double Number(int i) => Evaluate(Argument(i)).Number;

        static double Calculate(string function, double first, double second) => function switch
        {
            "int" => Math.Truncate(first),
            "sqrt" => Math.Sqrt(first),
            "exp" => Math.Exp(first),
            "log" => Math.Log(first),
            "sin" => Math.Sin(first),
            "cos" => Math.Cos(first),
            "atan2" => Math.Atan2(first, second),
            "and" => (long)first & (long)second,
            "or" => (long)first | (long)second,
            "xor" => (long)first ^ (long)second,
            "lshift" => (long)first << (int)second,
            "rshift" => (long)first >> (int)second,
            _ => ~(long)first,
        };
    }

    /// <summary>substr(), as busybox has it: positions count from 1, and one before the text is its beginning.</summary>
    private static string Part(string text, double from, double length)
    {
        var start = (int)Math.Clamp(from - 1, 0, text.Length);
        return text.Substring(start, (int)Math.Clamp(length, 0, text.Length - start));
    }

    private AwkValue Split(IReadOnlyList<AwkExpression> arguments)
    {
        if (arguments.Count < 2 || arguments[1] is not Variable { Name: var name })
            throw new AwkException("split() needs a text and an array");
        var parts = Split(TextOf(arguments[0]), arguments.Count > 2 ? PatternTextOf(arguments[2]) : TextOf("FS"));
        var array = ArrayOf(name);
        array.Clear();
        for (var i = 0; i < parts.Count; i++)
            array[AwkValue.Of(i + 1).ToText("")] = AwkValue.FromInput(parts[i]);
        return AwkValue.Of(parts.Count);
    }

    private AwkValue Substitute(IReadOnlyList<AwkExpression> arguments, bool everywhere)
    {
        var target = arguments.Count > 2 ? arguments[2] : new Field(new Literal(AwkValue.Of(0)));
        if (arguments.Count < 2 || target is not (Variable or Field or Element))
            throw new AwkException("sub() and gsub() need a pattern, a text and what they change");
        var (replacement, count) = (TextOf(arguments[1]), 0);
        var changed = PatternOf(PatternTextOf(arguments[0])).Replace(
            TextOf(target),
            found =>
            {
                count++;
                return Fill(replacement, found.Value);
            },
            everywhere ? -1 : 1);
        if (count > 0)
            Assign(target, AwkValue.Of(changed));
        return AwkValue.Of(count);
    }

    /// <summary>In what replaces, &amp; is what was found, unless a backslash stands before it.</summary>
    private static string Fill(string replacement, string found)
    {
        var text = new StringBuilder();
        for (var i = 0; i < replacement.Length; i++)
        {
            if (replacement[i] == '\\' && i + 1 < replacement.Length && replacement[i + 1] is '&' or '\\')
                text.Append(replacement[++i]);
            else if (replacement[i] == '&')
                text.Append(found);
            else
                text.Append(replacement[i]);
        }

        return text.ToString();
    }
}
