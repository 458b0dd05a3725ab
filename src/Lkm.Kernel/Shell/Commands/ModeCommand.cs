using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>chmod.</summary>
internal static class ModeCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        if (c.Arguments.Count < 2)
            return await c.Misused();
        var mode = c.Arguments[0];
        var status = 0;
        foreach (var path in c.Arguments[1..])
        {
            var (stat, error) = await c.Files.Stat(path);
            if (error == Errno.OK)
            {
                if (!TryApply(mode, stat.Permissions, stat.Type == FileType.Directory, out var permissions))
                    return await c.Fail($"invalid mode '{mode}'");
                error = await c.Files.CallPath("chmod", path, permissions);
            }

            if (error != Errno.OK)
                status = await c.Fail(path, error);
        }

        return status;
    }

    /// <summary>Applies an octal mode, or clauses such as <c>u+rw,go-w</c>.</summary>
    internal static bool TryApply(string mode, uint old, bool isDirectory, out uint permissions)
    {
        if (Numbers.TryOctal(mode, out permissions))
            return true;
        permissions = old;
        foreach (var clause in mode.Split(','))
        {
            var at = clause.AsSpan().IndexOfAny("+-=");
            if (at < 0)
                return false;
            var who = 0u;
            foreach (var c in clause.AsSpan(0, at))
            {
                if (Who(c) is not { } some)
                    return false;
                who |= some;
            }

            who = who == 0 ? 0xfff : who;
            while (at < clause.Length)
            {
                var operation = clause[at++];
                var bits = 0u;
                for (; at < clause.Length && clause[at] is not ('+' or '-' or '='); at++)
                {
                    if (Bits(clause[at], isDirectory || (permissions & 0x49) != 0) is not { } some)
                        return false;
                    bits |= some;
                }

                bits &= who;
                permissions = operation switch
                {
                    '+' => permissions | bits,
                    '-' => permissions & ~bits,
                    _ => (permissions & ~(who & 0x1ff)) | bits,
                };
            }
        }

        return true;
    }

    private static uint? Who(char letter) => letter switch
    {
        'u' => 0x9c0, // 04700
        'g' => 0x438, // 02070
        'o' => 0x207, // 01007
        'a' => 0xfff,
        _ => null,
    };

    private static uint? Bits(char permission, bool isExecutable) => permission switch
    {
        'r' => 0x124,
        'w' => 0x92,
        'x' => 0x49,
        'X' => isExecutable ? 0x49u : 0,
        's' => 0xc00,
        't' => 0x200,
        _ => null,
    };
}
