using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>The last operand of cp, mv and ln: a new name, or a directory to put things in.</summary>
internal static class Destinations
{
    /// <summary>Does something for each source with its destination.</summary>
    /// <returns>The greatest exit status.</returns>
    public static async GuestTask<int> ForEach(CommandContext c, List<string> operands, Func<string, string, GuestTask<int>> action)
    {
        var last = operands[^1];
        var (stat, error) = await c.Files.Stat(last);
        var isDirectory = error == Errno.OK && stat.Type == FileType.Directory;
        if (operands.Count > 2 && !isDirectory)
            return await c.Fail($"target '{last}' is not a directory");
        var status = 0;
        foreach (var source in operands[..^1])
        {
            var destination = isDirectory ? ShellFiles.Combine(last, ShellFiles.BaseName(source)) : last;
            status = Math.Max(status, await action(source, destination));
        }

        return status;
    }
}
