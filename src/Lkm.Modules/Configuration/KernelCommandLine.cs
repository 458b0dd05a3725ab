namespace Lkm.Modules;

/// <summary>
/// Takes module options and blacklists from a kernel command line: <c>module.parameter=value</c> and <c>modprobe.blacklist=a,b</c>.
/// </summary>
/// <remarks>
/// Quotes may stand round the value, or round the whole word, which is how boot loaders write <c>"module.parameter=two words"</c>;
/// a word that has them elsewhere is not for a module. <c>module_blacklist=</c> is the kernel's own.
/// </remarks>
internal static class KernelCommandLine
{
    public static void AddTo(ModprobeConfiguration configuration, string file, ReadOnlySpan<char> line)
    {
        var end = 0;
        while (end < line.Length && line[end] is not ('\n' or '\0'))
        {
            end++;
        }
        line = line[..end];
        while (!line.IsEmpty)
        {
            var length = WordLength(line);
            AddWord(configuration, file, line[..length]);
            line = line[Math.Min(length + 1, line.Length)..];
        }
    }

    /// <summary>The length up to the first space that is not in quotes.</summary>
    private static int WordLength(ReadOnlySpan<char> line)
    {
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == '"')
            {
                quoted = !quoted;
            }
            else if (line[i] == ' ' && !quoted)
            {
                return i;
            }
        }
        return line.Length;
    }

    private static void AddWord(ModprobeConfiguration configuration, string file, ReadOnlySpan<char> word)
    {
        if (ShortText.IndexOf(word, '.') < 0 || word.Count('"') is not (0 or 2))
        {
            return;
        }
        var wholeIsQuoted = word is ['"', .., '"'] && word.Length > 2;
        if (wholeIsQuoted)
        {
            word = word[1..^1];
        }
        var dot = ShortText.IndexOf(word, '.');
        var equals = ShortText.IndexOf(word, '=');
        if (dot < 0 || (equals >= 0 && equals < dot))
        {
            return;
        }
        var module = word[..dot];
        var parameter = equals < 0 ? word[(dot + 1)..] : word[(dot + 1)..equals];
        var value = equals < 0 ? default : word[(equals + 1)..];
        if (module.ContainsAny('"', ' ') || parameter.IndexOfAny(". \"") >= 0 || (value.Contains('"') && value is not ['"', .., '"']))
        {
            return;
        }
        if (module.SequenceEqual("modprobe") && parameter.SequenceEqual("blacklist") && equals >= 0)
        {
            AddBlacklist(configuration, value);
            return;
        }
        if (ModuleName.NormalizeAlias(module) is not { } name)
        {
            configuration.AddProblem(new(ConfigurationProblemKind.BadKernelParameter, file, 0, module.ToString()));
            return;
        }
        configuration.Add(new OptionsCommand(name, equals < 0
            ? parameter.ToString()
            : wholeIsQuoted ? string.Concat(parameter, "=\"", value, "\"") : string.Concat(parameter, "=", value)));
    }

    private static void AddBlacklist(ModprobeConfiguration configuration, ReadOnlySpan<char> names)
    {
        foreach (var range in names.Split(','))
        {
            configuration.Add(new BlacklistCommand(names[range].ToString()));
        }
    }
}
