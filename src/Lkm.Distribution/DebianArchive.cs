using System.Text;
using Lkm.Modules.Host;

namespace Lkm.Distribution;

/// <summary>Fetches Debian's kernel packages into the cache: the image with its modules, and what kbuild needs, each when asked for.</summary>
/// <remarks>
/// The cache holds, for each release, <c>image/</c> and <c>headers/</c>: packages extracted, not installed. A file named as the series and
/// flavour (<c>6.1-amd64</c>) names the build that was the newest when the series was first asked for, so that later starts ask
/// nobody and one machine keeps to one kernel until <see cref="KernelLocator.Update"/>.
/// </remarks>
internal sealed class DebianArchive(LkmCache cache, Action<string> progress)
{
    /// <summary>The folder of a release, when its image is in the cache.</summary>
    public string? Cached(DebianKernelName name)
    {
        string folder = Path.Combine(cache.DebianKernels, name.Alias);
        if (name.Release is null && HostProcess.ReadFile(folder, out _) is { } release)
            folder = Path.Combine(cache.DebianKernels, Encoding.UTF8.GetString(release).Trim());
        return HostFiles.IsDirectory(Path.Combine(folder, "image")) ? folder : null;
    }

    /// <summary>Fetches the newest image that fits the name.</summary>
    /// <param name="name">What is wanted.</param>
    /// <param name="refresh">Whether to ask the archives although the cache may know an answer.</param>
    /// <returns>The release's folder.</returns>
    public Outcome<string> FetchImage(DebianKernelName name, bool refresh)
    {
        if (MissingTool() is { } missing)
            return Outcome<string>.Failure(missing);
        using IDisposable mutex = Lock();
        if (!refresh && Cached(name) is { } made) // while we waited
            return made;
        Outcome<Candidate> found = FindPackage(name);
        if (!found.Succeeded)
            return Outcome<string>.Failure(found.Error);
        string folder = Path.Combine(cache.DebianKernels, found.Value.Release);
        string image = Path.Combine(folder, "image");
        if (!Directory.Exists(image))
        {
            string? error = LkmCache.Make(image, partial =>
                found.Value.Apt.Extract(ImagePackages(found.Value), partial) ?? ModuleIndexes.Make(partial, found.Value.Release, progress));
            if (error is not null)
                return Outcome<string>.Failure(error);
        }
        if (name.Release is null)
            WriteAlias(Path.Combine(cache.DebianKernels, name.Alias), found.Value.Release);
        return folder;
    }

    /// <summary>The package of an image, and those of the same release that it is split into since Debian 14: the binary, the modules.</summary>
    private static List<string> ImagePackages(Candidate candidate)
    {
        string package = $"linux-image-{candidate.Release}";
        List<string> packages = [package];
        foreach (string dependency in candidate.Apt.Dependencies(package))
        {
            if (dependency.StartsWith("linux-", StringComparison.Ordinal) && dependency.EndsWith($"-{candidate.Release}", StringComparison.Ordinal))
                packages.Add(dependency);
        }
        return packages;
    }

    /// <summary>Fetches what kbuild needs to build modules for a release.</summary>
    /// <returns>The folder for <c>make -C</c>.</returns>
    public Outcome<string> FetchHeaders(string release)
    {
        string headers = Path.Combine(cache.DebianKernels, release, "headers");
        string build = KernelHeaders.BuildDirectory(headers, release);
        if (Directory.Exists(headers))
            return build;
        if (MissingTool() is { } missing)
            return Outcome<string>.Failure(missing);
        using IDisposable mutex = Lock();
        if (Directory.Exists(headers))
            return build;
        Outcome<DebianKernelName> name = DebianKernelName.Parse(release);
        if (!name.Succeeded)
            return Outcome<string>.Failure(name.Error);
        Outcome<Candidate> found = FindPackage(name.Value);
        if (!found.Succeeded)
            return Outcome<string>.Failure(found.Error);
        Apt apt = found.Value.Apt;
        string package = $"linux-headers-{release}";
        List<string> packages = [package];
        foreach (string dependency in apt.Dependencies(package))
        {
            if (dependency.StartsWith("linux-headers-", StringComparison.Ordinal) || dependency.StartsWith("linux-kbuild-", StringComparison.Ordinal))
                packages.Add(dependency);
        }
        string? error = LkmCache.Make(headers, partial =>
            apt.Extract(packages, partial) ?? KernelHeaders.MakeRelocatable(partial, release) ?? KernelHeaders.AddMissingTools(partial, release, apt, progress));
        return error is null ? build : Outcome<string>.Failure(error);
    }

    private sealed record Candidate(Apt Apt, string Release);

    /// <summary>Looks in the archives of this machine first, then in the suite that the series belongs to.</summary>
    private Outcome<Candidate> FindPackage(DebianKernelName name)
    {
        string complaint = "";
        string held = "";
        Func<Apt> ofSuite = () => Apt.OfSuite(cache, SuiteOf(name.Series), progress);
        foreach (Func<Apt> source in name.Series == DebianKernelName.Unstable ? (Func<Apt>[])[ofSuite] : [() => Apt.OfThisMachine(cache, progress), ofSuite])
        {
            Apt apt = source();
            do
            {
                string newest = "";
                foreach (string package in apt.PackageNames(name.PackagePrefix))
                {
                    if (!name.Matches(package, out string release))
                        continue;
                    if (release == name.Release)
                        return new Candidate(apt, release);
                    if (newest.Length == 0 || DebianKernelName.Compare(newest, release) < 0)
                        newest = release;
                }
                if (name.Release is null && newest.Length > 0)
                    return new Candidate(apt, newest);
                held = newest.Length > 0 ? newest : held;
            }
            while (apt.Update()); // lists of an earlier day may not know it
            complaint = apt.LastComplaint is { Length: > 0 } said ? said : complaint;
        }
        string reason = held.Length > 0 ? $"the archives hold {held}; ask for that or for debian:{name.Series}"
            : complaint.Length > 0 ? $"{complaint}; check the network, or name an installed kernel with --kernel"
            : "no such package in Debian's archives";
        return Outcome<Candidate>.Failure($"debian:{name.Release ?? name.Alias}: {reason}");
    }

    private static string SuiteOf(string series) => series switch
    {
        "5.10" => "bullseye",
        "6.1" => "bookworm",
        "6.12" => "trixie",
        _ => "sid",
    };

    private static string? MissingTool()
    {
        foreach (string tool in (ReadOnlySpan<string>)["apt-get", "dpkg-deb"])
        {
            if (HostCommand.Find(tool) is null)
                return $"{tool} is not installed, and debian: kernels are fetched with it; name a kernel image with --kernel PATH";
        }
        return null;
    }

    private IDisposable Lock() => cache.Lock("debian", () => progress("waiting for another lkm that is fetching a kernel"));

    /// <summary>Remembers which build a series stands for.</summary>
    private static void WriteAlias(string alias, string release)
    {
        string fresh = $"{alias}.{Environment.ProcessId}";
        File.WriteAllText(fresh, release);
        File.Move(fresh, alias, overwrite: true);
    }
}
