using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>write: a text to a file, in one write(2) and as it is; or standard input, as it comes.</summary>
internal static class WriteCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "");
        if (options.Problem is not null || options.Operands.Count is 0 or > 2)
            return await c.Misused(options.Problem);
        var path = options.Operands[0];
        var descriptor = await c.Files.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate);
        if (descriptor < 0)
            return await c.Fail(path, (Errno)(-descriptor));
        var error = options.Operands is [_, var text]
            ? await c.Files.WriteBlock(descriptor, Encoding.UTF8.GetBytes(text))
            : await Copy(c, descriptor);
        await c.Files.Close(descriptor);
        return error == Errno.OK ? 0 : await c.Fail(path, error);
    }

    private static async GuestTask<Errno> Copy(CommandContext c, int descriptor)
    {
        for (; ; )
        {
            var read = await c.Input.Read(c.Files.Process.BufferLength);
            if (read.IsEnd)
                return read.Error;
            if (await c.Files.WriteAll(descriptor, read.Bytes) is var error and not Errno.OK)
                return error;
        }
    }
}
