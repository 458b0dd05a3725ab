using System.Globalization;
using System.Text;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>What acts on the shell itself: read, export, unset, break, continue, return, local, shift, set; and basename, dirname, sysctl.</summary>
internal static class VariableCommands
{
    /// <summary>read [-r] NAME...: a line of the input, by words; a byte at a time, so that the next command finds the rest.</summary>
    public static async GuestTask<int> Read(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "r");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var line = new List<byte>();
        var isEnd = false;
        for (; ; )
        {
            var read = await c.Input.Read(1);
            isEnd = read.IsEnd;
            if (isEnd || read.Bytes[0] == '\n')
                break;
            line.Add(read.Bytes[0]);
        }

        var text = Encoding.UTF8.GetString([.. line]).Trim();
        var names = options.Operands.Count > 0 ? options.Operands : ["REPLY"];
        for (var i = 0; i < names.Count; i++)
        {
            var end = i == names.Count - 1 ? -1 : text.IndexOfAny([' ', '\t']);
            c.Shell.Variables[names[i]] = end < 0 ? text : text[..end];
            text = end < 0 ? "" : text[end..].TrimStart();
        }

        return isEnd && line.Count == 0 ? 1 : 0;
    }

    /// <summary>export NAME=VALUE...: commands have no environment, so this only sets.</summary>
    public static GuestTask<int> Export(CommandContext c)
    {
        foreach (var word in c.Arguments)
        {
            if (word.IndexOf('=') is > 0 and var equals)
                c.Shell.Variables[word[..equals]] = word[(equals + 1)..];
        }

        return GuestTask<int>.FromResult(0);
    }

    public static GuestTask<int> Unset(CommandContext c)
    {
        var areFunctions = c.Arguments is ["-f", ..];
        foreach (var name in c.Arguments.Skip(areFunctions ? 1 : 0))
        {
            if (areFunctions)
                c.Shell.Undefine(name);
            else
                c.Shell.Variables.Remove(name);
        }

        return GuestTask<int>.FromResult(0);
    }

    /// <summary>return [STATUS]: that of the last command, where none is given.</summary>
    public static async GuestTask<int> Return(CommandContext c)
    {
        var status = c.Shell.LastStatus;
        if (c.Arguments.Count > 1 || (c.Arguments.Count == 1 && !int.TryParse(c.Arguments[0], NumberStyles.None, CultureInfo.InvariantCulture, out status)))
            return await c.Misused();
        c.Shell.Leave(KernelShell.LoopControl.Return);
        return status & 0xff;
    }

    public static async GuestTask<int> Local(CommandContext c)
    {
        foreach (var word in c.Arguments)
        {
            var equals = word.IndexOf('=');
            var name = equals < 0 ? word : word[..equals];
            if (!c.Shell.TryHide(name))
                return await c.Fail("not in a function");
            c.Shell.Variables[name] = equals < 0 ? "" : word[(equals + 1)..];
        }

        return 0;
    }

    public static async GuestTask<int> Shift(CommandContext c)
    {
        var count = 1;
        if (c.Arguments.Count > 1 || (c.Arguments.Count == 1 && !int.TryParse(c.Arguments[0], NumberStyles.None, CultureInfo.InvariantCulture, out count)))
            return await c.Misused();
        if (count > c.Shell.Parameters.Count)
            return 1;
        c.Shell.Parameters = [.. c.Shell.Parameters.Skip(count)];
        return 0;
    }

    public static async GuestTask<int> Set(CommandContext c)
    {
        if (c.Arguments is not [[not '-' and not '+', ..] or "--", ..])
            return await c.Misused();
        c.Shell.Parameters = c.Arguments[0] == "--" ? c.Arguments[1..] : c.Arguments;
        return 0;
    }

    public static GuestTask<int> Break(CommandContext c) => Leave(c, KernelShell.LoopControl.Break);

    public static GuestTask<int> Continue(CommandContext c) => Leave(c, KernelShell.LoopControl.Continue);

    public static async GuestTask<int> BaseName(CommandContext c)
    {
        if (c.Arguments is not ([_] or [_, _]))
            return await c.Misused();
        var name = ShellFiles.BaseName(c.Arguments[0]);
        if (c.Arguments.Count == 2 && name.EndsWith(c.Arguments[1], StringComparison.Ordinal) && name != c.Arguments[1])
            name = name[..^c.Arguments[1].Length];
        c.Print(name + "\n");
        return 0;
    }

    public static async GuestTask<int> DirectoryName(CommandContext c)
    {
        if (c.Arguments is not [var path])
            return await c.Misused();
        path = path.TrimEnd('/');
        c.Print((path.LastIndexOf('/') switch { < 0 => ".", 0 => "/", var slash => path[..slash].TrimEnd('/') }) + "\n");
        return 0;
    }

    /// <summary>sysctl [-n] [-w] NAME[=VALUE]...: files of /proc/sys.</summary>
    public static async GuestTask<int> SystemControl(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "wn");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var setting in options.Operands)
        {
            var equals = setting.IndexOf('=');
            var name = equals < 0 ? setting : setting[..equals];
            var path = "/proc/sys/" + name.Replace('.', '/');
            var label = options.Has('n') ? "" : name.Replace('/', '.') + " = ";
            if (equals >= 0)
            {
                var descriptor = await c.Files.Open(path, OpenFlags.WriteOnly);
                var error = descriptor < 0
                    ? (Lkm.Formats.Errno)(-descriptor)
                    : await c.Files.WriteAll(descriptor, Encoding.UTF8.GetBytes(setting[(equals + 1)..] + "\n"));
                if (descriptor >= 0)
                    await c.Files.Close(descriptor);
                if (error == Lkm.Formats.Errno.OK)
                    c.Print($"{label}{setting[(equals + 1)..]}\n");
                else
                    status = await c.Fail($"error {(descriptor < 0 ? "accessing" : "setting")} key '{name}'", error);
                continue;
            }

            var content = await c.Files.ReadFile(path);
            if (content.Error != Lkm.Formats.Errno.OK)
            {
                status = await c.Fail($"error reading key '{name}'", content.Error);
                continue;
            }

            foreach (var line in Encoding.UTF8.GetString(content.Bytes).TrimEnd('\n').Split('\n'))
                c.Print($"{label}{line}\n");
        }

        return status;
    }

    private static GuestTask<int> Leave(CommandContext c, KernelShell.LoopControl control)
    {
        c.Shell.Leave(control);
        return GuestTask<int>.FromResult(0);
    }
}
