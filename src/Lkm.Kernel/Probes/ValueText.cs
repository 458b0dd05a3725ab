using System.Globalization;
using Lkm.Formats.Btf;
using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Probes;

/// <summary>Values of registers as C would write them, by their types.</summary>
internal static class ValueText
{
    private const int LongestString = 64;

    public static string Format(GuestMemory memory, Func<ulong, string> symbolise, BtfType declared, ulong value)
    {
        var type = declared.Resolved;
        return type.Kind switch
        {
            BtfKind.Int when type.IsBool => (value & 1) != 0 ? "true" : "false",
            BtfKind.Int when type.IsSigned => Extend(value, type.BitWidth).ToString(CultureInfo.InvariantCulture),
            BtfKind.Int => Cut(value, type.BitWidth).ToString(CultureInfo.InvariantCulture),
            BtfKind.Enum or BtfKind.Enum64 => Enumerator(type, value),
            BtfKind.Pointer => Pointer(memory, symbolise, declared, type.Target.Resolved, value),
            _ => $"0x{value:x}",
        };
    }

    private static long Extend(ulong value, int bits) => bits is 0 or 64 ? (long)value : (long)(value << (64 - bits)) >> (64 - bits);

    private static ulong Cut(ulong value, int bits) => bits is 0 or 64 ? value : value & ((1UL << bits) - 1);

    private static string Enumerator(BtfType type, ulong value)
    {
        foreach (var enumerator in type.Enumerators)
        {
            if ((int)enumerator.Value == (int)value)
                return enumerator.Name;
        }

        return ((int)value).ToString(CultureInfo.InvariantCulture);
    }

    private static string Pointer(GuestMemory memory, Func<ulong, string> symbolise, BtfType declared, BtfType target, ulong value)
    {
        if (value == 0)
            return "NULL";
        if (value >= unchecked((ulong)-4095))
            return Lkm.Formats.ErrnoText.TryFromReturnValue((long)value, out var error) ? $"ERR_PTR(-{error})" : $"0x{value:x}";
        if (target.Kind == BtfKind.Int && target.BitWidth == 8 && GuestMemory.Contains(value, LongestString))
            return $"\"{memory.ReadString(value, LongestString)}\"";
        if (target.Kind == BtfKind.FunctionPrototype && GuestMemory.Contains(value))
            return symbolise(value);
        return value >= AddressSpace.PageOffset && target.IsComposite ? $"({declared}) 0x{value:x}" : $"0x{value:x}";
    }
}
