namespace Lkm.Kernel.Shell.Commands;

/// <summary>ioctl request numbers (include/uapi/asm-generic/ioctl.h): nr 0-7, type 8-15, size 16-29, direction 30-31.</summary>
internal static class IoctlRequest
{
    private const int SizeLimit = 1 << 14;

    /// <summary>Makes a number as _IOWR() and its kin do.</summary>
    /// <param name="direction">0 none, 1 write, 2 read, 3 both; as the caller sees it.</param>
    /// <param name="type">The magic number.</param>
    /// <param name="number">The command's number.</param>
    /// <param name="size">Bytes of the argument.</param>
    public static uint Make(uint direction, uint type, uint number, uint size) => (direction << 30) | (size << 16) | (type << 8) | number;

    /// <summary>Reads a number, or _IO(TYPE,NR), _IOR, _IOW or _IOWR(TYPE,NR,SIZE); a type may be a character.</summary>
    public static bool TryParse(string text, out ulong request)
    {
        if (Numbers.TryUnsigned(text, out request))
            return request <= uint.MaxValue;
        var open = text.IndexOf('(');
        if (open < 0 || !text.EndsWith(')'))
            return false;
        uint? direction = text[..open] switch { "_IO" => 0, "_IOW" => 1, "_IOR" => 2, "_IOWR" => 3, _ => null };
        var arguments = text[(open + 1)..^1].Split(',', StringSplitOptions.TrimEntries);
        if (direction is null || arguments.Length != (direction == 0 ? 2 : 3))
            return false;
        var size = 0UL;
        if (!TryType(arguments[0], out var type) || !Numbers.TryUnsigned(arguments[1], out var number) || number > 255
            || (arguments.Length == 3 && (!Numbers.TryUnsigned(arguments[2], out size) || size >= SizeLimit)))
        {
            return false;
        }

        request = Make(direction.Value, type, (uint)number, (uint)size);
        return true;
    }

    private static bool TryType(string text, out uint type)
    {
        text = text.Trim('\'');
        if (text.Length == 1 && text[0] is > ' ' and < (char)0x7f && !char.IsAsciiDigit(text[0]))
        {
            type = text[0];
            return true;
        }

        var isNumber = Numbers.TryUnsigned(text, out var number) && number <= 255;
        type = (uint)number;
        return isNumber;
    }
}
