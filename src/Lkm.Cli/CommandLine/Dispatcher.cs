using System.Reflection;

namespace Lkm.Cli.CommandLine;

/// <summary>Finds the command that the first word names and runs it.</summary>
/// <param name="groups">Which commands there are.</param>
/// <param name="find">The command of a name, or null.</param>
internal sealed class Dispatcher(IReadOnlyList<CommandGroup> groups, Func<string, Command?> find)
{
    /// <summary>Runs the program.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>The exit code.</returns>
    public int Run(string[] arguments)
    {
        try
        {
            return arguments switch
            {
                [] => Print(HelpText.ForProgram(groups, find), ExitCode.Misused),
                ["--help" or "-h" or "help"] => Print(HelpText.ForProgram(groups, find), ExitCode.Done),
                ["--version" or "version"] => Print($"lkm {Version}\n", ExitCode.Done),
                ["help", string name] => RunNamed(name, ["--help"]),
                _ => RunNamed(arguments[0], arguments.AsSpan(1)),
            };
        }
        catch (IOException failure) when (failure.Message.Contains("Broken pipe", StringComparison.Ordinal))
        {
            return ExitCode.Failed; // `lkm … | head` has read enough
        }
        finally
        {
            Screen.Flush();
        }
    }

    private static string Version =>
        typeof(Dispatcher).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private int RunNamed(string name, ReadOnlySpan<string> arguments)
    {
        if (find(name) is not { } command)
            return Unknown(name);
        if (command.RunWords is { } run)
            return run(arguments.ToArray());
        foreach (string word in arguments)
        {
            if (word == "--")
                break;
            if (word is "--help" or "-h")
                return Print(HelpText.ForCommand(command), ExitCode.Done);
        }
        return ArgumentParser.Parse(command, arguments, out string error) is { } parsed
            ? command.Run(parsed)
            : Screen.Misused($"{name}: {error}; see lkm {name} --help");
    }

    /// <summary>A method of its own: it wants a library that no other way through here does.</summary>
    private int Unknown(string name)
    {
        IEnumerable<string> known = groups.SelectMany(group => group.Names);
        return Screen.Misused(Suggestion.For(name, known) is { } near
            ? $"unknown command '{name}'; did you mean {near}?"
            : $"unknown command '{name}'; see lkm --help");
    }

    private static int Print(string text, int code)
    {
        Screen.Output.Write(text);
        return code;
    }
}
