using System.Text;

namespace Lkm.Formats;

/// <summary>C strings in byte spans.</summary>
public static class CString
{
    /// <summary>The bytes before the first NUL, or all of them when there is none.</summary>
    public static ReadOnlySpan<byte> Span(ReadOnlySpan<byte> bytes)
    {
        int length = bytes.IndexOf((byte)0);
        return length < 0 ? bytes : bytes[..length];
    }

    /// <summary>The same as text.</summary>
    public static string Read(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(Span(bytes));
}
