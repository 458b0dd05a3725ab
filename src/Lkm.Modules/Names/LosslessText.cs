using System.Text;

namespace Lkm.Modules;

/// <summary>
/// Text of configuration files, indexes and file names, which to Linux are bytes without an encoding. Bytes that are valid UTF-8
/// become the characters they mean; every other byte becomes the lone surrogate U+DC00 + byte, so that encoding gives the same bytes back.
/// </summary>
public static class LosslessText
{
    private const char EscapeBase = '\uDC00';

    /// <summary>The text that the bytes stand for.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        // Nearly all text is ASCII, and short: see ShortText for why this is a plain loop.
        Span<char> characters = bytes.Length <= 512 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] >= 0x80)
            {
                return DecodeUtf8(bytes);
            }
            characters[i] = (char)bytes[i];
        }
        return new(characters);
    }

    private static string DecodeUtf8(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        Span<char> pair = stackalloc char[2];
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var used) == System.Buffers.OperationStatus.Done)
            {
                text.Append(pair[..rune.EncodeToUtf16(pair)]);
            }
            else
            {
                for (var i = 0; i < used; i++)
                {
                    text.Append((char)(EscapeBase + bytes[i]));
                }
            }
            bytes = bytes[used..];
        }
        return text.ToString();
    }

    /// <summary>The bytes that <see cref="Decode"/> made the text from.</summary>
    /// <param name="text">The text.</param>
    /// <param name="terminated">Whether a NUL follows them, for C.</param>
    public static byte[] Encode(ReadOnlySpan<char> text, bool terminated = false)
    {
        var bytes = new byte[text.Length * 3 + 1];
        Array.Resize(ref bytes, Encode(text, bytes) + (terminated ? 1 : 0));
        return bytes;
    }

    /// <summary>Writes the text's bytes to <paramref name="destination"/>, which must have room for them: three for each character always are enough.</summary>
    /// <returns>The number of bytes written.</returns>
    public static int Encode(ReadOnlySpan<char> text, Span<byte> destination)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] >= 0x80)
            {
                return i + EncodeUtf8(text[i..], destination[i..]);
            }
            destination[i] = (byte)text[i];
        }
        return text.Length;
    }

    private static int EncodeUtf8(ReadOnlySpan<char> text, Span<byte> destination)
    {
        var written = 0;
        while (!text.IsEmpty)
        {
            var plain = 0;
            while (plain < text.Length && !IsEscape(text, plain))
            {
                plain += char.IsHighSurrogate(text[plain]) ? 2 : 1;
            }
            plain = Math.Min(plain, text.Length);
            written += Encoding.UTF8.GetBytes(text[..plain], destination[written..]);
            text = text[plain..];
            if (!text.IsEmpty)
            {
                destination[written++] = (byte)(text[0] - EscapeBase);
                text = text[1..];
            }
        }
        return written;
    }

    private static bool IsEscape(ReadOnlySpan<char> text, int at) =>
        text[at] is >= '\uDC80' and <= '\uDCFF' && (at == 0 || !char.IsHighSurrogate(text[at - 1]));
}
