namespace Lkm.Distribution;

/// <summary>
/// What follows <c>debian:</c> — a series (<c>6.1</c>, the newest build of which is meant), a series with a flavour (<c>6.1-cloud</c>,
/// <c>6.1-rt</c>), or the whole release name of one build (<c>6.1.0-56-cloud-amd64</c>). <c>sid</c> is a series too: Debian's unstable
/// distribution, whose newest kernel is meant, whatever its version.
/// </summary>
/// <param name="Series">Version and patch level, <c>6.1</c>, or <c>sid</c>.</param>
/// <param name="Flavour">The end of the package name: <c>amd64</c>, <c>cloud-amd64</c>, <c>rt-amd64</c>.</param>
/// <param name="Release">The whole release, or null when the newest of the series is meant.</param>
public sealed record DebianKernelName(string Series, string Flavour, string? Release)
{
    /// <summary>The series of Debian's unstable distribution.</summary>
    public const string Unstable = "sid";

    private const string Architecture = "amd64";

    /// <summary>The name under which a resolved series is remembered in the cache.</summary>
    public string Alias => Release ?? $"{Series}-{Flavour}";

    /// <summary>Reads a name.</summary>
    /// <param name="text">What followed <c>debian:</c>.</param>
    public static Outcome<DebianKernelName> Parse(string text)
    {
        int dash = text.IndexOf('-');
        string number = dash < 0 ? text : text[..dash];
        string rest = dash < 0 ? "" : text[(dash + 1)..];
        if (number is Unstable or "unstable" && FlavourOf(rest) is var unstableFlavour && (rest.Length == 0 || string.Concat(rest, "-", Architecture) == unstableFlavour))
            return new DebianKernelName(Unstable, unstableFlavour, null);
        int dot = number.IndexOf('.');
        int secondDot = number.IndexOf('.', dot + 1);
        string major = number[..Math.Max(dot, 0)];
        string minor = secondDot < 0 ? number[(dot + 1)..] : number[(dot + 1)..secondDot];
        if (!IsNumber(major) || !IsNumber(minor) || !IsPlain(text))
            return Outcome<DebianKernelName>.Failure(
                $"debian:{text}: not a kernel version; write debian:6.1, debian:6.1-cloud, debian:sid or a release such as debian:6.1.0-56-amd64");
        string series = string.Concat(major, ".", minor);
        string flavour = FlavourOf(rest);
        if (secondDot < 0 && (rest.Length == 0 || rest == flavour || $"{rest}-{Architecture}" == flavour))
            return new DebianKernelName(series, flavour, null);
        return new DebianKernelName(series, flavour, text.EndsWith($"-{Architecture}", StringComparison.Ordinal) ? text : $"{text}-{Architecture}");
    }

    private const string ImagePackage = "linux-image-";

    /// <summary>What the names of the packages of this series start with.</summary>
    public string PackagePrefix => Series == Unstable ? ImagePackage : $"{ImagePackage}{Series}.";

    /// <summary>The flavour that the part of a release name after its version number ends in.</summary>
    private static string FlavourOf(string rest)
    {
        string bare = rest.EndsWith($"-{Architecture}", StringComparison.Ordinal) ? rest[..^(Architecture.Length + 1)] : rest;
        string last = bare[(bare.LastIndexOf('-') + 1)..];
        return last is "cloud" or "rt" ? $"{last}-{Architecture}" : Architecture;
    }

    // Loops by hand: this is read at each start, and searches with vectors take a millisecond to get ready.
    private static bool IsNumber(string text)
    {
        foreach (char c in text)
        {
            if (!char.IsAsciiDigit(c))
                return false;
        }
        return text.Length is > 0 and < 6;
    }

    private static bool IsPlain(string text)
    {
        foreach (char c in text)
        {
            if (c is ' ' or '/' or '\t' or '\n' or '*' or '?')
                return false;
        }
        return true;
    }

    /// <summary>Whether a package is a signed image of this series and flavour.</summary>
    /// <param name="package">A package name.</param>
    /// <param name="release">Its release name, when it is.</param>
    public bool Matches(string package, out string release)
    {
        release = "";
        if (!package.StartsWith(PackagePrefix, StringComparison.Ordinal) || !package.EndsWith($"-{Flavour}", StringComparison.Ordinal))
            return false;
        release = package[ImagePackage.Length..];
        return char.IsAsciiDigit(release[0]) && FlavourOf(release[(release.IndexOf('-') + 1)..]) == Flavour;
    }

    /// <summary>Orders release names as their numbers say: <c>6.1.0-9-amd64</c> before <c>6.1.0-10-amd64</c>.</summary>
    /// <param name="left">A release name.</param>
    /// <param name="right">Another.</param>
    public static int Compare(string left, string right)
    {
        int i = 0, j = 0;
        while (i < left.Length && j < right.Length)
        {
            if (char.IsAsciiDigit(left[i]) && char.IsAsciiDigit(right[j]))
            {
                long first = TakeNumber(left, ref i), second = TakeNumber(right, ref j);
                if (first != second)
                    return first.CompareTo(second);
            }
            else if (left[i] != right[j])
            {
                return left[i].CompareTo(right[j]);
            }
            else
            {
                i++;
                j++;
            }
        }
        return (left.Length - i).CompareTo(right.Length - j);
    }

    private static long TakeNumber(string text, ref int at)
    {
        long value = 0;
        for (; at < text.Length && char.IsAsciiDigit(text[at]); at++)
            value = Math.Min(value * 10 + (text[at] - '0'), int.MaxValue);
        return value;
    }
}
