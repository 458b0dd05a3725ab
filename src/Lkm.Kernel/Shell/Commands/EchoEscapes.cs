using System.Text;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>The escapes of echo -e: \a \b \c \e \f \n \r \t \v \\ \0NNN \xHH.</summary>
internal static class EchoEscapes
{
    /// <summary>Decodes a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="newline">Set to false by \c, which ends the output.</param>
    public static byte[] Decode(string text, ref bool newline)
    {
        using var bytes = new MemoryStream();
        for (var i = 0; i < text.Length;)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                var plain = text.IndexOf('\\', i + 1) is var next and >= 0 ? text[i..next] : text[i..];
                bytes.Write(Encoding.UTF8.GetBytes(plain));
                i += plain.Length;
                continue;
            }

            var letter = text[i + 1];
            i += 2;
            switch (letter)
            {
                case 'c':
                    newline = false;
                    return bytes.ToArray();
                case '0':
                    bytes.WriteByte((byte)TakeDigits(text, ref i, 3, 8));
                    break;
                case 'x' when i < text.Length && char.IsAsciiHexDigit(text[i]):
                    bytes.WriteByte((byte)TakeDigits(text, ref i, 2, 16));
                    break;
                case var _ when "abefnrtv\\".IndexOf(letter) is var at and >= 0:
                    bytes.WriteByte((byte)"\a\b\u001b\f\n\r\t\v\\"[at]);
                    break;
                default:
                    bytes.Write(Encoding.UTF8.GetBytes("\\" + letter));
                    break;
            }
        }

        return bytes.ToArray();
    }

    private static int TakeDigits(string text, ref int i, int most, int radix)
    {
        var value = 0;
        for (; most > 0 && i < text.Length && char.IsAsciiHexDigit(text[i]); most--, i++)
        {
            var digit = Convert.ToInt32(text[i].ToString(), 16);
            if (digit >= radix)
                break;
            value = (value * radix) + digit;
        }

        return value;
    }
}
