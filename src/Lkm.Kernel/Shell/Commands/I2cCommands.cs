using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>i2cdetect, i2cget, i2cset and i2cdump, as busybox has them, without blocks and PEC.</summary>
internal static class I2cCommands
{
    private const ulong FirstChip = 0x03, LastChip = 0x77;
    private const string Columns = "     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f";

    /// <summary>i2cdetect -l; -F BUS; [-yaqr] BUS [FIRST [LAST]].</summary>
    public static async GuestTask<int> Detect(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "yaqrFl");
        if (options.Has('l'))
            return await List(c);
        if (options.Problem is not null || options.Operands.Count is 0 or > 3 || (options.Has('q') && options.Has('r')))
            return await c.Misused(options.Problem);
        var words = options.Operands;
        var (first, last) = options.Has('a') ? (0ul, 0x7ful) : (FirstChip, LastChip);
        if (await Number(c, words[0], 10, 0, 0xfffff) is not { } number)
            return 1;
        if (await I2cBus.Open(c, number) is not { } bus)
            return 1;
        var abilities = await bus.Abilities();
        if (options.Has('F'))
        {
            c.Print($"Functionalities implemented by bus #{number}\n");
            foreach (var (bit, name) in I2cBus.Functions)
                c.Print($"{name,-32} {((abilities & bit) != 0 ? "yes" : "no")}\n");
            return 0;
        }

        if (words.Count > 1)
        {
            if (await Number(c, words[1], 16, first, last) is not { } from)
                return 1;
            first = from;
        }

        if (words.Count > 2)
        {
            if (await Number(c, words[2], 16, first, last) is not { } to)
                return 1;
            last = to;
        }

        if (!options.Has('y') && !await IsConfirmed(c))
            return 1;
        c.Print(Columns + "\n");
        for (var row = 0ul; row < 128; row += 16)
        {
            c.Print($"{row:x2}: ");
            for (var chip = row; chip < row + 16; chip++)
            {
                // A read is harmless to EEPROMs, a quick write to most others.
                var isRead = options.Has('r') || (!options.Has('q') && chip is (>= 0x30 and <= 0x37) or (>= 0x50 and <= 0x5f));
                var transfer = isRead ? I2cTransfer.Byte : I2cTransfer.Quick;
                if (chip < first || chip > last || (abilities & I2cBus.Needs(transfer, isRead).Bit) == 0)
                {
                    c.Print("   ");
                    continue;
                }

                if (await bus.Select(chip) is var error and not Errno.OK)
                {
                    if (error != Errno.EBUSY)
                        return await c.Fail($"can't set address to 0x{chip:x2}", error);
                    c.Print("UU ");
                    continue;
                }

                c.Print((isRead ? await bus.Read(transfer) : await bus.Write(transfer, 0)) < 0 ? "-- " : $"{chip:x2} ");
            }

            c.Print("\n");
        }

        await bus.Close();
        return 0;
    }

    /// <summary>i2cget [-fy] BUS CHIP [REGISTER [b|w|c]].</summary>
    public static async GuestTask<int> Get(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "fy");
        var words = options.Operands;
        if (options.Problem is not null || words.Count is < 2 or > 4)
            return await c.Misused(options.Problem);
        if (words.Count < 3)
            words = [.. words, "0", "c"];
        if (Mode(words.ElementAtOrDefault(3) ?? "b") is not { } transfer)
            return await c.Misused("invalid mode");
        if (await Number(c, words[2], 16, 0, 0xff) is not { } register || await Open(c, options, words, transfer, isRead: true) is not { } bus)
            return 1;
        if (transfer == I2cTransfer.Byte && options.Operands.Count > 2 && await bus.Write(transfer, register) < 0)
            await c.Complain("warning - write failed");
        var value = await bus.Read(transfer, register);
        await bus.Close();
        if (value < 0)
            return await c.Fail("read failed", (Errno)(-value));
        c.Print($"0x{Hexadecimal(value, transfer)}\n");
        return 0;
    }

    /// <summary>i2cset [-fyr] [-m MASK] BUS CHIP REGISTER [VALUE] [b|w|c].</summary>
    public static async GuestTask<int> Set(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "fyrm:");
        var words = options.Operands;
        if (options.Problem is not null || words.Count is < 3 or > 5)
            return await c.Misused(options.Problem);
        var mode = words.Count == 3 ? "c" : words.Count == 5 || words[3][0] == 'c' ? words[^1] : "b";
        if (Mode(mode) is not { } transfer)
            return await c.Misused("invalid mode");
        var limit = transfer == I2cTransfer.WordData ? 0xfffful : 0xff;
        if (await Number(c, words[2], 16, 0, 0xff) is not { } register)
            return 1;
        var value = 0ul;
        if (transfer != I2cTransfer.Byte)
        {
            if (await Number(c, words[3], 0, 0, limit) is not { } given)
                return 1;
            value = given;
        }

        if (await Open(c, options, words, transfer, isRead: false) is not { } bus)
            return 1;
        if (options.Value('m') is { } text)
        {
            if (await Number(c, text, 0, 0, limit) is not { } mask)
                return 1;
            var old = await bus.Read(transfer, register);
            if (old < 0)
                return await c.Fail("can't read old value", (Errno)(-old));
            value = (value & mask) | ((ulong)old & ~mask);
        }

        var error = await bus.Write(transfer, register, value);
        if (error < 0)
            return await c.Fail("write failed", (Errno)(-error));
        if (options.Has('r'))
        {
            var expected = (int)(transfer == I2cTransfer.Byte ? register : value);
            var back = await bus.Read(transfer, register);
            c.Print(back < 0 ? "Warning - readback failed\n"
                : back == expected ? $"Value 0x{Hexadecimal(expected, transfer)} written, readback matched\n"
                : $"Warning - data mismatch - wrote 0x{Hexadecimal(expected, transfer)}, read back 0x{Hexadecimal(back, transfer)}\n");
        }

        await bus.Close();
        return 0;
    }

    /// <summary>i2cdump [-fy] BUS CHIP [b|w|c].</summary>
    public static async GuestTask<int> Dump(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "fy");
        var words = options.Operands;
        if (options.Problem is not null || words.Count is < 2 or > 3)
            return await c.Misused(options.Problem);
        if (Mode(words.ElementAtOrDefault(2) ?? "b") is not { } transfer)
            return await c.Fail("invalid mode");
        if (await Open(c, options, words, transfer, isRead: true) is not { } bus)
            return 1;
        if (transfer == I2cTransfer.Byte && await bus.Write(transfer, 0) is var error and < 0)
            return await c.Fail("write start address", (Errno)(-error));
        var (width, isWord) = transfer == I2cTransfer.WordData ? (8ul, true) : (16ul, false);
        c.Print(isWord ? "     0,8  1,9  2,a  3,b  4,c  5,d  6,e  7,f\n" : $"{Columns}    0123456789abcdef\n");
        for (var row = 0ul; row < 256; row += width)
        {
            c.Print($"{row:x2}: ");
            var characters = new StringBuilder("   ");
            for (var register = row; register < row + width; register++)
            {
                var value = await bus.Read(transfer, register);
                c.Print(value < 0 ? (isWord ? "XXXX " : "XX ") : $"{Hexadecimal(value, transfer)} ");
                characters.Append(value switch { < 0 => 'X', 0 or 0xff => '.', < 32 or >= 127 => '?', _ => (char)value });
            }

            c.Print(isWord ? "\n" : $"{characters}\n");
        }

        await bus.Close();
        return 0;
    }

    private static async GuestTask<int> List(CommandContext c)
    {
        const string folder = "/sys/class/i2c-dev";
        var (entries, error) = await c.Files.ReadDirectory(folder);
        if (error != Errno.OK)
            return await c.Fail($"can't open '{folder}'", error);
        foreach (var entry in entries)
        {
            if (!entry.Name.StartsWith("i2c-", StringComparison.Ordinal) || !ulong.TryParse(entry.Name.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                continue;
            var name = Encoding.UTF8.GetString((await c.Files.ReadFile($"{folder}/{entry.Name}/name")).Bytes).TrimEnd('\n');
            if (await I2cBus.Open(c, number) is not { } bus)
                return 1;
            var abilities = await bus.Abilities();
            await bus.Close();
            var (kind, description) = (abilities & I2cBus.PlainMessages) != 0 ? ("i2c", "I2C adapter") : (abilities & 0x7e0000) != 0 ? ("smbus", "SMBus adapter") : ("dummy", "Dummy bus");
            c.Print($"i2c-{number}\t{kind,-10}\t{name,-32}\t{description}\n");
        }

        return 0;
    }

    /// <summary>Opens the bus of the first word and selects the chip of the second; null, and said, where that cannot be or is not wanted.</summary>
    private static async GuestTask<I2cBus?> Open(CommandContext c, Options options, IReadOnlyList<string> words, I2cTransfer transfer, bool isRead)
    {
        if (await Number(c, words[0], 10, 0, 0xfffff) is not { } number || await Number(c, words[1], 16, FirstChip, LastChip) is not { } chip
            || await I2cBus.Open(c, number) is not { } bus)
            return null;
        var (bit, name) = I2cBus.Needs(transfer, isRead);
        if ((await bus.Abilities() & bit) == 0)
        {
            await c.Fail($"adapter has no {name} capability");
            return null;
        }

        if (await bus.Select(chip, options.Has('f')) is var error and not Errno.OK)
        {
            await c.Fail($"can't set address to 0x{chip:x2}", error);
            return null;
        }

        return options.Has('y') || await IsConfirmed(c) ? bus : null;
    }

    private static async GuestTask<bool> IsConfirmed(CommandContext c)
    {
        await c.Complain("WARNING! This program can confuse your I2C bus");
        await c.PrintError("Continue? [y/N] ");
        var answer = await c.Input.Read(1);
        if (!answer.IsEnd && answer.Bytes[0] is (byte)'y' or (byte)'Y')
            return true;
        await c.Complain("aborting");
        return false;
    }

    /// <summary>A number of a base, 0 for what its prefix says, within a range; null, and said, where it is none.</summary>
    private static async GuestTask<ulong?> Number(CommandContext c, string text, int radix, ulong least, ulong most)
    {
        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && radix != 10 ? text[2..] : text;
        var isHexadecimal = radix == 16 || (radix == 0 && digits != text);
        if (!ulong.TryParse(digits, isHexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            await c.Fail($"invalid number '{text}'");
        else if (value < least || value > most)
            await c.Fail($"number {text} is not in {least}..{most} range");
        else
            return value;
        return null;
    }

    private static I2cTransfer? Mode(string text) => text switch
    {
        "b" => I2cTransfer.ByteData,
        "w" => I2cTransfer.WordData,
        "c" => I2cTransfer.Byte,
        _ => null,
    };

    private static string Hexadecimal(int value, I2cTransfer transfer) => value.ToString(transfer == I2cTransfer.WordData ? "x4" : "x2", CultureInfo.InvariantCulture);
}
