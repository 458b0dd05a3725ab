namespace Lkm.Distribution;

/// <summary>
/// Debian's archives through apt's own tools, with lists and caches in a folder of lkm's: nothing is installed and no root is needed.
/// apt checks the signatures and digests of everything that it fetches.
/// </summary>
internal sealed class Apt
{
    private readonly string _state;
    private readonly string[] _options;
    private readonly Action<string> _progress;
    private bool _updated;

    private Apt(string state, IEnumerable<string> sources, Action<string> progress)
    {
        _state = state;
        _progress = progress;
        _options =
        [
            "-o", $"Dir::State::lists={Path.Combine(state, "lists")}",
            "-o", $"Dir::Cache={Path.Combine(state, "cache")}",
            "-o", "Dir::Cache::pkgcache=",
            "-o", "Dir::Cache::srcpkgcache=",
            "-o", "APT::Sandbox::User=root",
            "-o", "Acquire::Languages=none",
            "-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            "-o", "Acquire::Retries=3",
            .. sources.SelectMany(option => (string[])["-o", option]),
        ];
    }

    /// <summary>What the last update said on standard error: it explains a package that is then not found.</summary>
    public string LastComplaint { get; private set; } = "";

    /// <summary>The archives that this machine's own source lists name.</summary>
    public static Apt OfThisMachine(LkmCache cache, Action<string> progress) => new(cache.PathOf("apt", "machine"), [], progress);

    /// <summary>One Debian suite, for a machine whose own lists do not hold it.</summary>
    public static Apt OfSuite(LkmCache cache, string suite, Action<string> progress)
    {
        string state = cache.PathOf("apt", suite);
        Directory.CreateDirectory(state);
        string list = Path.Combine(state, "sources.list");
        const string Keyring = "[arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
        string sources = $"deb {Keyring} http://deb.debian.org/debian {suite} main\n";
        if (suite != "sid")
            sources += $"deb {Keyring} http://deb.debian.org/debian-security {suite}-security main\n";
        File.WriteAllText(list, sources);
        return new Apt(state, [$"Dir::Etc::sourcelist={list}", "Dir::Etc::sourceparts=/dev/null"], progress);
    }

    /// <summary>Names of the packages that start with <paramref name="prefix"/>; the lists are fetched when none have been yet.</summary>
    public IReadOnlyList<string> PackageNames(string prefix)
    {
        if (!HasLists())
            Update();
        return Query("pkgnames", prefix);
    }

    /// <summary>The packages that a package depends on by name.</summary>
    public IReadOnlyList<string> Dependencies(string package)
    {
        const string Marker = "Depends: ";
        var names = new List<string>();
        foreach (string line in Query("depends", "--no-recommends", "--no-suggests", package))
        {
            if (line.StartsWith(Marker, StringComparison.Ordinal))
                names.Add(line[Marker.Length..]);
        }
        return names;
    }

    /// <summary>Fetches the archives' lists again, once in a process.</summary>
    /// <returns>Whether this call did it.</returns>
    public bool Update()
    {
        if (_updated)
            return false;
        _updated = true;
        Directory.CreateDirectory(Path.Combine(_state, "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(_state, "cache", "archives", "partial"));
        _progress("reading Debian's package lists");
        // A failing source among several is no failure of ours as long as the package is found: the caller looks.
        HostCommandResult result = HostCommand.Run("apt-get", [.. _options, "-q", "update"]);
        LastComplaint = result.LastErrorLine;
        return true;
    }

    /// <summary>Downloads packages and extracts them into one folder.</summary>
    /// <returns>Null, or what failed.</returns>
    public string? Extract(IReadOnlyList<string> packages, string folder)
    {
        string downloads = Path.Combine(folder, ".packages");
        Directory.CreateDirectory(downloads);
        _progress($"fetching {string.Join(", ", packages)}");
        HostCommandResult result = Download(packages, downloads);
        if (result.ExitCode != 0 && Update()) // the archive has moved on since the lists were read
            result = Download(packages, downloads);
        if (result.ExitCode != 0)
            return $"cannot fetch {string.Join(' ', packages)}: {Reason(result)}; check the network, or name an installed kernel with --kernel";
        foreach (string package in Directory.EnumerateFiles(downloads, "*.deb"))
        {
            HostCommandResult extracted = HostCommand.Run("dpkg-deb", ["-x", package, folder]);
            if (extracted.ExitCode != 0)
                return $"cannot extract {Path.GetFileName(package)}: {Reason(extracted)}";
        }
        Directory.Delete(downloads, recursive: true);
        return null;
    }

    private HostCommandResult Download(IReadOnlyList<string> packages, string folder) =>
        HostCommand.Run("apt-get", [.. _options, "-q", "download", .. packages], folder);

    private static string Reason(HostCommandResult result) =>
        result.LastErrorLine is { Length: > 0 } line ? line : $"exit status {result.ExitCode}";

    private bool HasLists()
    {
        string lists = Path.Combine(_state, "lists");
        return Directory.Exists(lists) && Directory.EnumerateFiles(lists, "*_Packages*").Any();
    }

    private string[] Query(params ReadOnlySpan<string> arguments)
    {
        HostCommandResult result = HostCommand.Run("apt-cache", [.. _options, .. arguments]);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
