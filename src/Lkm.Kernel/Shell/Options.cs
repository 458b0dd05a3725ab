namespace Lkm.Kernel.Shell;

/// <summary>Options in the way of getopt(3): letters that may be joined, some with a value, and operands between and behind them.</summary>
internal sealed class Options
{
    private readonly List<(char Letter, string Value)> _options = [];

    private Options()
    {
    }

    /// <summary>What is no option.</summary>
    public List<string> Operands { get; } = [];

    /// <summary>What is wrong with the options, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>Reads a command's options.</summary>
    /// <param name="arguments">The words behind the command's name.</param>
    /// <param name="letters">The letters that are options; one with a colon behind it has a value.</param>
    /// <param name="longNames">Long options and the letters that they stand for.</param>
    public static Options Read(IReadOnlyList<string> arguments, string letters, params ReadOnlySpan<(string Name, char Letter)> longNames)
    {
        var options = new Options();
        for (var i = 0; i < arguments.Count && options.Problem is null; i++)
        {
            var argument = arguments[i];
            if (argument == "--")
            {
                options.Operands.AddRange(arguments.Skip(i + 1));
                break;
            }

            if (argument.StartsWith("--", StringComparison.Ordinal))
                options.ReadLong(arguments, ref i, letters, longNames);
            else if (argument.Length > 1 && argument[0] == '-')
                options.ReadLetters(arguments, ref i, letters);
            else
                options.Operands.Add(argument);
        }

        return options;
    }

    /// <summary>Whether an option was given.</summary>
    public bool Has(char letter)
    {
        foreach (var (given, _) in _options)
        {
            if (given == letter)
                return true;
        }

        return false;
    }

    /// <summary>The value of an option, the last one that was given; null without.</summary>
    public string? Value(char letter)
    {
        for (var i = _options.Count - 1; i >= 0; i--)
        {
            if (_options[i].Letter == letter)
                return _options[i].Value;
        }

        return null;
    }

    /// <summary>All values of an option, in order.</summary>
    public IEnumerable<string> Values(char letter) => _options.Where(o => o.Letter == letter).Select(o => o.Value);

    /// <summary>What grep and sed work by: the values of -e, or else the first operand, which is none any more then; empty without either.</summary>
    public List<string> TakeExpressions()
    {
        var expressions = Values('e').ToList();
        if (expressions.Count == 0 && Operands.Count > 0)
        {
            expressions.Add(Operands[0]);
            Operands.RemoveAt(0);
        }

        return expressions;
    }

    private static bool TakesValue(string letters, char letter)
    {
        var at = letters.IndexOf(letter);
        return at + 1 < letters.Length && letters[at + 1] == ':';
    }

    private void ReadLetters(IReadOnlyList<string> arguments, ref int i, string letters)
    {
        var argument = arguments[i];
        for (var at = 1; at < argument.Length; at++)
        {
            var letter = argument[at];
            if (letter == ':' || !letters.Contains(letter))
            {
                Problem = $"invalid option -- '{letter}'";
                return;
            }

            if (!TakesValue(letters, letter))
            {
                _options.Add((letter, ""));
                continue;
            }

            if (at + 1 < argument.Length)
                _options.Add((letter, argument[(at + 1)..]));
            else if (++i < arguments.Count)
                _options.Add((letter, arguments[i]));
            else
                Problem = $"option requires an argument -- '{letter}'";
            return;
        }
    }

    private void ReadLong(
        IReadOnlyList<string> arguments, ref int i, string letters, ReadOnlySpan<(string Name, char Letter)> longNames)
    {
        var text = arguments[i][2..];
        var equals = text.IndexOf('=');
        var name = equals < 0 ? text : text[..equals];
        foreach (var known in longNames)
        {
            if (known.Name != name)
                continue;
            if (!TakesValue(letters, known.Letter))
                _options.Add((known.Letter, ""));
            else if (equals >= 0)
                _options.Add((known.Letter, text[(equals + 1)..]));
            else if (++i < arguments.Count)
                _options.Add((known.Letter, arguments[i]));
            else
                Problem = $"option '--{name}' requires an argument";
            return;
        }

        Problem = $"unrecognized option '--{name}'";
    }
}
