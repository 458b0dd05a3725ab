using System.Buffers.Binary;
using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>hwclock, as far as it shows the time of a real-time clock (rtc(4)).</summary>
internal static class ClockCommand
{
    private const ulong ReadTime = 0x80247009; // RTC_RD_TIME: _IOR('p', 9, struct rtc_time)
    private const int Fields = 9; // of struct rtc_time (include/uapi/linux/rtc.h): sec, min, hour, mday, mon, year, wday, yday, isdst

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "ruf:", ("show", 'r'), ("utc", 'u'), ("rtc", 'f'));
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);
        var descriptor = -1;
        string path = "";
        foreach (var candidate in options.Value('f') is { } named ? [named] : (string[])["/dev/rtc", "/dev/rtc0", "/dev/misc/rtc"])
        {
            path = candidate;
            descriptor = await c.Files.Open(path, OpenFlags.ReadOnly);
            if (descriptor >= 0)
                break;
        }

        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        var time = await c.Files.Take(Fields * sizeof(int));
        var error = ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)descriptor, ReadTime, time));
        var bytes = await c.Files.Get(time, Fields * sizeof(int));
        await c.Files.Close(descriptor);
        if (error != Errno.OK)
            return await c.Fail("RTC_RD_TIME", error);
        c.Print(Format(bytes) + "  0.000000 seconds\n");
        return 0;
    }

    /// <summary>A struct rtc_time as ctime(3) writes it, in UTC; the day of the week follows from the date, as a driver need not know it.</summary>
    internal static string Format(ReadOnlySpan<byte> time)
    {
        const int firstYear = 1900;
        Span<int> fields = stackalloc int[Fields];
        for (var i = 0; i < Fields; i++)
            fields[i] = BinaryPrimitives.ReadInt32LittleEndian(time[(i * sizeof(int))..]);

        // A driver may say anything: what .NET has no date for is its first.
        var year = Math.Clamp((long)fields[5] + firstYear, 1, 9998);
        var date = new DateTime((int)year, 1, 1).AddMonths(Math.Clamp(fields[4], 0, 11)).AddDays(Math.Clamp(fields[3], 1, 31) - 1)
            .AddHours(Math.Clamp(fields[2], 0, 23)).AddMinutes(Math.Clamp(fields[1], 0, 59)).AddSeconds(Math.Clamp(fields[0], 0, 59));
        return string.Create(CultureInfo.InvariantCulture, $"{date:ddd MMM} {date.Day,2} {date:HH:mm:ss} {date.Year}");
    }
}
