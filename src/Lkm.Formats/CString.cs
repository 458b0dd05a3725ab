using System.Text;

namespace Lkm.Formats;

/// <summary>C strings in byte spans.</summary>
public static class CString
{
    /// <summary>UTF-8 as text. Names are short and ASCII: for those the decoder's vector code is not worth loading.</summary>
    public static string Text(ReadOnlySpan<byte> utf8)
    {
        Span<char> text = utf8.Length <= 128 ? stackalloc char[utf8.Length] : [];
        for (int i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] >= 0x80 || text.IsEmpty)
                return Encoding.UTF8.GetString(utf8);
            text[i] = (char)utf8[i];
        }

        return new string(text);
    }

    /// <summary>The bytes before the first NUL, or all of them when there is none.</summary>
    public static ReadOnlySpan<byte> Span(ReadOnlySpan<byte> bytes)
    {
        int length = bytes.IndexOf((byte)0);
        return length < 0 ? bytes : bytes[..length];
    }

    /// <summary>The same as text, unless it is longer than <paramref name="limit"/> bytes: then null.</summary>
    public static string? ReadWithin(ReadOnlySpan<byte> bytes, int limit)
    {
        ReadOnlySpan<byte> text = Span(bytes[..Math.Min(bytes.Length, limit + 1)]);
        return text.Length > limit ? null : Encoding.UTF8.GetString(text);
    }

    /// <summary>The same as text.</summary>
    public static string Read(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(Span(bytes));
}
