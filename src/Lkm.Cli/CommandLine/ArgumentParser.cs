namespace Lkm.Cli.CommandLine;

/// <summary>Reads a command's arguments: options anywhere, <c>--name value</c> or <c>--name=value</c>, <c>--</c> before operands that start with a dash.</summary>
internal static class ArgumentParser
{
    /// <summary>Reads them.</summary>
    /// <param name="command">Whose they are.</param>
    /// <param name="arguments">The words after the command's name.</param>
    /// <param name="error">What is wrong with them, when null is returned.</param>
    public static Arguments? Parse(Command command, ReadOnlySpan<string> arguments, out string error)
    {
        var operands = new List<string>();
        var options = new List<(string, string?)>();
        bool onlyOperands = false;
        error = "";
        for (int i = 0; i < arguments.Length; i++)
        {
            string word = arguments[i];
            if (onlyOperands || word.Length < 2 || word[0] != '-')
            {
                operands.Add(word);
                continue;
            }
            if (word == "--")
            {
                onlyOperands = true;
                continue;
            }
            int equals = word.IndexOf('=');
            string name = equals < 0 ? word : word[..equals];
            string? value = equals < 0 ? null : word[(equals + 1)..];
            if (Find(command, name) is not { } option)
            {
                error = Unknown(command, name);
                return null;
            }
            if (option.Value is null && value is not null)
            {
                error = $"option {name} takes no value";
                return null;
            }
            if (option.Value is not null && value is null)
            {
                if (++i == arguments.Length)
                {
                    error = $"option {name} needs a value: {name} {option.Value}";
                    return null;
                }
                value = arguments[i];
            }
            options.Add((option.Name, value));
        }
        if (operands.Count < command.LeastOperands)
            error = $"needs {command.Operands}";
        else if (operands.Count > command.MostOperands)
            error = $"takes no '{operands[command.MostOperands]}'";
        return error.Length == 0 ? new Arguments(operands, options) : null;
    }

    /// <summary>A method of its own: it wants a library that no other way through here does.</summary>
    private static string Unknown(Command command, string name) =>
        Suggestion.For(name, command.Options.Select(known => known.Name)) is { } near
            ? $"unknown option '{name}'; did you mean {near}?"
            : $"unknown option '{name}'";

    private static CommandOption? Find(Command command, string name)
    {
        foreach (CommandOption option in command.Options)
        {
            if (option.Name == name)
                return option;
        }
        return null;
    }
}
