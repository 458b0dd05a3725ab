namespace Lkm.Modules;

/// <summary>
/// The kernel's and kmod's spelling of module and alias names. The kernel knows <c>snd-hda-intel.ko</c> as
/// <c>snd_hda_intel</c> (<c>KBUILD_MODNAME</c>), so every name that a user gives is brought to that form before it is looked up.
/// </summary>
public static class ModuleName
{
    /// <summary>The file name endings of modules, the plain one first.</summary>
    public static ReadOnlySpan<string> Extensions => SupportedExtensions;

    private static readonly string[] SupportedExtensions = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

    /// <summary>Where the last part of a path starts.</summary>
    public static int BaseNameStart(ReadOnlySpan<char> path) => ShortText.LastIndexOf(path, '/') + 1;

    /// <summary>A module name with each <c>-</c> made <c>_</c>, up to the first <c>.</c>.</summary>
    public static string Normalize(ReadOnlySpan<char> name)
    {
        var end = ShortText.IndexOf(name, '.');
        return Underscores(end < 0 ? name : name[..end]);
    }

    /// <summary>The name of the module that a file holds: its base name, by the same rule as <see cref="Normalize"/>.</summary>
    public static string FromPath(ReadOnlySpan<char> path) => Normalize(path[BaseNameStart(path)..]);

    /// <summary>
    /// An alias with each <c>-</c> outside brackets made <c>_</c>.
    /// </summary>
    /// <returns>The normalised alias, or null if a bracket has no partner, which makes the alias invalid.</returns>
    public static string? NormalizeAlias(ReadOnlySpan<char> alias)
    {
        var result = alias.ToArray();
        for (var i = 0; i < result.Length; i++)
        {
            switch (result[i])
            {
                case '-':
                    result[i] = '_';
                    break;
                case ']':
                    return null;
                case '[':
                    var length = ShortText.IndexOf(result.AsSpan(i), ']');
                    if (length < 0)
                    {
                        return null;
                    }
                    i += length;
                    break;
            }
        }
        return new(result);
    }

    /// <summary>Whether a file name ends as a module's does (<c>.ko</c>, or that and a compression's ending).</summary>
    public static bool HasModuleExtension(ReadOnlySpan<char> path) => ExtensionLength(path) > 0;

    /// <summary>The length of the module ending of a file name, in characters; 0 if it has none.</summary>
    public static int ExtensionLength(ReadOnlySpan<char> path)
    {
        foreach (var extension in SupportedExtensions)
        {
            if (path.Length >= extension.Length && path[^extension.Length..].SequenceEqual(extension))
            {
                return extension.Length;
            }
        }
        return 0;
    }

    /// <summary>The name with each <c>-</c> made <c>_</c>, and nothing else changed.</summary>
    internal static string Underscores(ReadOnlySpan<char> name)
    {
        var result = name.ToArray();
        for (var i = 0; i < result.Length; i++)
        {
            if (result[i] == '-')
            {
                result[i] = '_';
            }
        }
        return new(result);
    }
}
