using System.Text;
using System.Text.RegularExpressions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Regular expressions as POSIX writes them (regex(7)), for .NET to search with, in time linear in the text's length.</summary>
internal static class PosixPattern
{
    /// <summary>Compiles one.</summary>
    /// <exception cref="RegexParseException">It is none.</exception>
    /// <exception cref="NotSupportedException">It has a reference back.</exception>
    public static Regex Compile(string pattern, bool isExtended, bool ignoreCase) =>
        CompileNative(ToNative(pattern, isExtended), ignoreCase);

    /// <summary>Compiles what <see cref="ToNative"/> gave, or something made of it.</summary>
    public static Regex CompileNative(string native, bool ignoreCase)
    {
        var options = RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;
        return new Regex(native, ignoreCase ? options | RegexOptions.IgnoreCase : options);
    }

    /// <summary>The same in .NET's way of writing, where classes in brackets and the ends of words are written otherwise.</summary>
    public static string ToNative(string pattern, bool isExtended) => (isExtended ? pattern : ToExtended(pattern))
        .Replace("[:alpha:]", "a-zA-Z").Replace("[:digit:]", "0-9").Replace("[:alnum:]", "a-zA-Z0-9").Replace("[:xdigit:]", "0-9A-Fa-f")
        .Replace("[:upper:]", "A-Z").Replace("[:lower:]", "a-z").Replace("[:space:]", @"\s").Replace("[:blank:]", @" \t")
        .Replace(@"\<", @"\b").Replace(@"\>", @"\b");

    /// <summary>Basic regular expressions as extended ones: there \( \) \{ \} \| \+ \? are the operators.</summary>
    internal static string ToExtended(string basic)
    {
        var extended = new StringBuilder();
        for (var i = 0; i < basic.Length; i++)
        {
            var c = basic[i];
            if (c == '[')
            {
                var end = basic.IndexOf(']', Math.Min(i + (basic.AsSpan(i).StartsWith("[^") ? 3 : 2), basic.Length));
                end = end < 0 ? basic.Length - 1 : end;
                extended.Append(basic, i, end - i + 1);
                i = end;
            }
            else if (c == '\\' && i + 1 < basic.Length)
            {
                c = basic[++i];
                extended.Append("(){}|+?".Contains(c) ? "" : "\\").Append(c);
            }
            else
            {
                var isLiteralStar = c == '*' && (i == 0 || extended is [.., '(' or '|' or '^']);
                extended.Append("(){}|+?".Contains(c) || isLiteralStar ? "\\" : "").Append(c);
            }
        }

        return extended.ToString();
    }
}
