using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>losetup: which loop devices stand for which files, as busybox has it.</summary>
internal static class LoopCommand
{
    /// <summary>losetup [-r] [-o OFFSET] -f|DEVICE FILE; -d DEVICE...; -a; -f; DEVICE.</summary>
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "dafro:");
        ulong offset = 0;
        if (options.Problem is not null || (options.Value('o') is { } text && !Numbers.TryUnsigned(text, out offset)))
            return await c.Misused(options.Problem);
        return options.Operands switch
        {
            [_, ..] devices when options.Has('d') => await Detach(c, devices),
            [] when options.Has('a') => await ShowAll(c),
            [] when options.Has('f') => await ShowFree(c),
            [var file] when options.Has('f') => await Attach(c, file, null, offset, options.Has('r')),
            [var device] => await Show(c, device),
            [var device, var file] => await Attach(c, file, device, offset, options.Has('r')),
            _ => await c.Misused(),
        };
    }

    private static async GuestTask<int> Attach(CommandContext c, string file, string? device, ulong offset, bool readOnly)
    {
        var (loop, error) = await LoopDevice.Attach(c, file, readOnly, device, offset, stays: true);
        if (error != Errno.OK)
            return await c.Fail(file, error);
        await c.Files.Close(loop.Descriptor);
        return 0;
    }

    private static async GuestTask<int> Detach(CommandContext c, List<string> devices)
    {
        foreach (var device in devices)
        {
            if (await LoopDevice.Detach(c, device) is var error and not Errno.OK)
                return await c.Fail(device, error);
        }

        return 0;
    }

    private static async GuestTask<int> Show(CommandContext c, string device)
    {
        var (file, offset, error) = await LoopDevice.Ask(c, device);
        if (error != Errno.OK)
            return await c.Fail(device, error);
        c.Print(string.Create(CultureInfo.InvariantCulture, $"{device}: {offset} {file}\n"));
        return 0;
    }

    /// <summary>All that there are, up to the first that there is none of.</summary>
    private static async GuestTask<int> ShowAll(CommandContext c)
    {
        for (var number = 0; ; number++)
        {
            var device = string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}");
            var (file, offset, error) = await LoopDevice.Ask(c, device);
            if (error == Errno.ENOENT)
                return 0;
            if (error == Errno.OK)
                c.Print(string.Create(CultureInfo.InvariantCulture, $"{device}: {offset} {file}\n"));
        }
    }

    private static async GuestTask<int> ShowFree(CommandContext c)
    {
        var number = await LoopDevice.FreeNumber(c);
        if (number < 0)
            return await c.Fail("no free loop devices");
        c.Print(string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}\n"));
        return 0;
    }
}
