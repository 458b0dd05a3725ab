using System.Text.RegularExpressions;
using Lkm.Kernel.Shell;

namespace Lkm.Cli.Comparing;

/// <summary>What the two shells say of the same, made the same: busybox's names the file and the line that a command is read from, lkm's tells of its help.</summary>
internal static partial class ShellMessages
{
    /// <summary>The lines that a command printed in real Linux. Of a command that only lkm has it is told, so that nobody takes it for a difference of the kernels.</summary>
    public static IReadOnlyList<string> OfReal(string output) => [.. LkmSide.LinesOf(output).Select(OfRealLine)];

    /// <summary>The lines that a command printed in lkm.</summary>
    public static IReadOnlyList<string> OfLkm(string output) => [.. LkmSide.LinesOf(output).Select(OfLkmLine)];

    private static string OfRealLine(string line)
    {
        string message = Place().Replace(line, "sh: ");
        return NotFound().Match(message) is { Success: true } missing && KernelShell.CommandNames.Contains(missing.Groups[1].Value)
            ? $"{message} (a command of lkm's shell, which busybox lacks)"
            : message;
    }

    private static string OfLkmLine(string line) =>
        line.StartsWith("sh: ", StringComparison.Ordinal) && line.EndsWith(KernelShell.HelpHint, StringComparison.Ordinal) ? line[..^KernelShell.HelpHint.Length] : line;

    [GeneratedRegex(@"^sh: /run/command: line \d+: ")]
    private static partial Regex Place();

    [GeneratedRegex("^sh: ([^: ]+): not found$")]
    private static partial Regex NotFound();
}
