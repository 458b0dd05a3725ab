using System.Text;

namespace Lkm.Cli.CommandLine;

/// <summary>Writes help.</summary>
internal static class HelpText
{
    private const string Introduction = """
        lkm: Linux kernel modules in user space. Runs unmodified .ko files, with no root, no VM and no risk to the machine.

        usage: lkm COMMAND [ARGUMENTS]
        """;

    /// <summary>The program's help.</summary>
    /// <param name="groups">Which commands there are.</param>
    /// <param name="find">The command of a name.</param>
    public static string ForProgram(IEnumerable<CommandGroup> groups, Func<string, Command?> find)
    {
        var text = new StringBuilder(Introduction).Append('\n');
        foreach (CommandGroup group in groups)
        {
            text.Append('\n').Append(group.Heading).Append('\n');
            Columns(text, group.Names.Select(name => (name, find(name)!.Summary)));
        }
        return text.Append("\n`lkm COMMAND --help` tells more; start with: lkm run samples/hello\n").ToString();
    }

    /// <summary>A command's help.</summary>
    public static string ForCommand(Command command)
    {
        var text = new StringBuilder($"usage: lkm {command.Name}");
        if (command.Operands.Length > 0)
            text.Append(' ').Append(command.Operands);
        text.Append(command.Options.Count > 0 ? " [OPTIONS]\n\n" : "\n\n").Append(command.Summary).Append(".\n");
        if (command.Details.Length > 0)
            text.Append('\n').Append(command.Details).Append('\n');
        if (command.Options.Count > 0)
        {
            text.Append("\noptions\n");
            Columns(text, command.Options.Select(option => (option.Value is null ? option.Name : $"{option.Name} {option.Value}", option.Help)));
        }
        if (command.Examples.Count > 0)
        {
            text.Append("\nexamples\n");
            foreach (string example in command.Examples)
                text.Append("  ").Append(example).Append('\n');
        }
        return text.ToString();
    }

    private static void Columns(StringBuilder text, IEnumerable<(string Left, string Right)> rows)
    {
        (string Left, string Right)[] all = [.. rows];
        int width = all.Length == 0 ? 0 : all.Max(row => row.Left.Length);
        foreach ((string left, string right) in all)
            text.Append("  ").Append(left.PadRight(width)).Append("  ").Append(right).Append('\n');
    }
}
