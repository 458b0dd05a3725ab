namespace Lkm.Cli.Tools;

/// <summary>A long option.</summary>
/// <param name="name">Its name, without dashes.</param>
/// <param name="takesValue">Whether it needs a value.</param>
/// <param name="code">What <see cref="OptionParser.Next"/> returns for it: the short option's character, or a number above those.</param>
internal sealed class LongOption(string name, bool takesValue, int code)
{
    public string Name { get; } = name;

    public bool TakesValue { get; } = takesValue;

    public int Code { get; } = code;
}

/// <summary>
/// Takes a command line apart as <c>getopt_long(3)</c> of glibc does, with its messages: bundled short options, long ones cut short where
/// that is unambiguous, and operands anywhere among the options.
/// </summary>
/// <param name="program">The name that messages begin with: <c>argv[0]</c>.</param>
/// <param name="arguments">The arguments after it.</param>
/// <param name="shortOptions">Option characters, each with a <c>:</c> behind it if it takes a value.</param>
/// <param name="longOptions">Long options.</param>
/// <param name="log">Takes messages.</param>
/// <param name="without">A long option that is not there after all; null for none.</param>
/// <param name="stopAtOperand">Whether the first operand ends the options, as with POSIXLY_CORRECT.</param>
internal sealed class OptionParser(
    string program, string[] arguments, string shortOptions, LongOption[] longOptions, ToolLog log, string? without = null,
    bool stopAtOperand = false)
{
    /// <summary>The end of the options.</summary>
    public const int End = -1;

    /// <summary>An option that is unusable; the message is out.</summary>
    public const int Invalid = '?';

    private readonly List<string> _operands = [];
    private int _next;
    private string _bundle = "";

    /// <summary>The value of the option that was returned last.</summary>
    public string Value { get; private set; } = "";

    /// <summary>What is not an option; complete after <see cref="End"/>.</summary>
    public List<string> Operands => _operands;

    /// <summary>The next option's code, <see cref="Invalid"/> or <see cref="End"/>.</summary>
    public int Next()
    {
        Value = "";
        if (_bundle.Length > 0)
        {
            return NextShort();
        }
        while (_next < arguments.Length)
        {
            var argument = arguments[_next++];
            if (argument == "--")
            {
                break;
            }
            if (argument.Length > 2 && argument.StartsWith("--", StringComparison.Ordinal))
            {
                return NextLong(argument[2..]);
            }
            if (argument.Length > 1 && argument[0] == '-')
            {
                _bundle = argument[1..];
                return NextShort();
            }
            _operands.Add(argument);
            if (stopAtOperand)
            {
                break;
            }
        }
        while (_next < arguments.Length)
        {
            _operands.Add(arguments[_next++]);
        }
        return End;
    }

    private int NextShort()
    {
        var option = _bundle[0];
        _bundle = _bundle[1..];
        var at = option is ':' or ';' ? -1 : PlaceOf(option);
        if (at < 0)
        {
            log.Plain($"{program}: invalid option -- '{option.ToString()}'");
            return Invalid;
        }
        if (at + 1 < shortOptions.Length && shortOptions[at + 1] == ':')
        {
            if (_bundle.Length == 0 && _next == arguments.Length)
            {
                log.Plain($"{program}: option requires an argument -- '{option.ToString()}'");
                return Invalid;
            }
            Value = _bundle.Length > 0 ? _bundle : arguments[_next++];
            _bundle = "";
        }
        return option;
    }

    private int PlaceOf(char option)
    {
        var at = shortOptions.Length - 1;
        while (at >= 0 && shortOptions[at] != option)
        {
            at--;
        }
        return at;
    }

    private int NextLong(string text)
    {
        var equals = 0;
        while (equals < text.Length && text[equals] != '=')
        {
            equals++;
        }
        var name = text[..equals];
        if (Find(name) is not { } option)
        {
            return Invalid;
        }
        if (equals < text.Length)
        {
            if (!option.TakesValue)
            {
                log.Plain($"{program}: option '--{option.Name}' doesn't allow an argument");
                return Invalid;
            }
            Value = text[(equals + 1)..];
        }
        else if (option.TakesValue)
        {
            if (_next == arguments.Length)
            {
                log.Plain($"{program}: option '--{option.Name}' requires an argument");
                return Invalid;
            }
            Value = arguments[_next++];
        }
        return option.Code;
    }

    /// <summary>The option of that name, or the only one that starts so; several that mean the same are one.</summary>
    private LongOption? Find(string name)
    {
        LongOption? found = null;
        var ambiguous = false;
        foreach (var option in longOptions)
        {
            if (option.Name == without)
            {
                continue;
            }
            if (option.Name == name)
            {
                return option;
            }
            if (option.Name.StartsWith(name, StringComparison.Ordinal))
            {
                ambiguous |= found is not null && (found.Code != option.Code || found.TakesValue != option.TakesValue);
                found ??= option;
            }
        }
        if (ambiguous)
        {
            ReportAmbiguous(name);
            return null;
        }
        if (found is null)
        {
            log.Plain($"{program}: unrecognized option '--{name}'");
        }
        return found;
    }

    private void ReportAmbiguous(string name)
    {
        var text = $"{program}: option '--{name}' is ambiguous; possibilities:";
        foreach (var option in longOptions)
        {
            if (option.Name != without && option.Name.StartsWith(name, StringComparison.Ordinal))
            {
                text += $" '--{option.Name}'";
            }
        }
        log.Plain(text);
    }
}
