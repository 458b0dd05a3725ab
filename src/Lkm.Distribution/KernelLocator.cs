using Lkm.Modules.Host;

namespace Lkm.Distribution;

/// <summary>
/// Finds the kernel that <c>--kernel</c> names: a path to a vmlinuz or vmlinux, a version under /boot or /lib/modules or in the cache, or
/// <c>debian:VERSION</c>, fetched into the cache on first use.
/// </summary>
/// <param name="cache">Where fetched kernels are kept.</param>
/// <param name="progress">Told one line for each long step.</param>
/// <param name="hostRoot">The machine's root folder; another one in tests.</param>
public sealed class KernelLocator(LkmCache cache, Action<string>? progress = null, string hostRoot = "/")
{
    /// <summary>The kernel used when none is named.</summary>
    public const string Default = "debian:6.1";

    private const string DebianPrefix = "debian:";

    private readonly DebianArchive _debian = new(cache, progress ?? (static _ => { }));

    /// <summary>Finds a kernel; a Debian one is fetched when the cache lacks it.</summary>
    /// <param name="specification">What the user wrote; null for <see cref="Default"/>.</param>
    public Outcome<KernelSource> Locate(string? specification = null)
    {
        string text = specification ?? Default;
        if (text.StartsWith(DebianPrefix, StringComparison.Ordinal))
            return LocateDebian(text[DebianPrefix.Length..]);
        if (text.Contains('/') || File.Exists(text))
            return LocatePath(text);
        return LocateVersion(text);
    }

    /// <summary>Completes a kernel with what kbuild needs: headers already there, or fetched from Debian for a Debian release.</summary>
    /// <param name="kernel">A located kernel.</param>
    public Outcome<KernelSource> AddHeaders(KernelSource kernel)
    {
        if (kernel.HeadersDirectory is not null)
            return kernel;
        if (kernel.Origin != KernelOrigin.Debian && !kernel.Version.EndsWith("-amd64", StringComparison.Ordinal))
            return Outcome<KernelSource>.Failure(
                $"{kernel.Version}: no headers for building under {ModulesIn(hostRoot, kernel.Version)}/build; install the headers package of this kernel");
        Outcome<string> headers = _debian.FetchHeaders(kernel.Version);
        return headers.Succeeded ? kernel with { HeadersDirectory = headers.Value } : Outcome<KernelSource>.Failure(headers.Error);
    }

    /// <summary>Fetches the newest build of a Debian series, also when an older one is in the cache; that stays under its full name.</summary>
    /// <param name="specification"><c>debian:SERIES</c>.</param>
    public Outcome<KernelSource> Update(string specification)
    {
        if (!specification.StartsWith(DebianPrefix, StringComparison.Ordinal))
            return Outcome<KernelSource>.Failure($"{specification}: only debian: kernels can be updated; write debian:6.1");
        Outcome<DebianKernelName> name = DebianKernelName.Parse(specification[DebianPrefix.Length..]);
        if (!name.Succeeded)
            return Outcome<KernelSource>.Failure(name.Error);
        Outcome<string> fetched = _debian.FetchImage(name.Value, refresh: true);
        return fetched.Succeeded ? FromDebianFolder(fetched.Value) : Outcome<KernelSource>.Failure(fetched.Error);
    }

    /// <summary>The kernels that can be used without fetching anything: the machine's, then the cache's.</summary>
    public IReadOnlyList<KernelSource> List()
    {
        var kernels = new List<KernelSource>();
        foreach (string image in Files(Path.Combine(hostRoot, "boot"), "vmlinuz-*"))
            Add(LocateVersion(Path.GetFileName(image)["vmlinuz-".Length..]));
        foreach (string folder in Folders(Path.Combine(hostRoot, "lib", "modules")))
            Add(LocateVersion(Path.GetFileName(folder)));
        foreach (string folder in Folders(cache.DebianKernels))
        {
            if (Directory.Exists(Path.Combine(folder, "image")))
                Add(FromDebianFolder(folder));
        }
        return kernels;

        void Add(Outcome<KernelSource> found)
        {
            if (found.Succeeded && !kernels.Contains(found.Value))
                kernels.Add(found.Value);
        }
    }

    private Outcome<KernelSource> LocateDebian(string text)
    {
        Outcome<DebianKernelName> name = DebianKernelName.Parse(text);
        if (!name.Succeeded)
            return Outcome<KernelSource>.Failure(name.Error);
        if (_debian.Cached(name.Value) is { } folder)
            return FromDebianFolder(folder);
        Outcome<string> fetched = _debian.FetchImage(name.Value, refresh: false);
        return fetched.Succeeded ? FromDebianFolder(fetched.Value) : Outcome<KernelSource>.Failure(fetched.Error);
    }

    private static Outcome<KernelSource> FromDebianFolder(string folder)
    {
        string release = Path.GetFileName(folder);
        string image = Path.Combine(folder, "image");
        string? modules = ExistingModules(image, release);
        string path = Path.Combine(image, "boot", $"vmlinuz-{release}");
        if (!HostFiles.IsFile(path) && modules is not null)
            path = Path.Combine(modules, "vmlinuz"); // since Debian 14
        if (!HostFiles.IsFile(path))
            return Outcome<KernelSource>.Failure($"{path}: missing from the cache; remove {folder} and try again");
        string build = KernelHeaders.BuildDirectory(Path.Combine(folder, "headers"), release);
        string? config = ExistingFile(image, $"boot/config-{release}") ?? (modules is null ? null : ExistingFile(modules, "config"));
        return new KernelSource(release, path, modules, config,
            HostFiles.IsDirectory(build) ? build : null, KernelOrigin.Debian);
    }

    private Outcome<KernelSource> LocatePath(string path)
    {
        string full = Path.GetFullPath(path);
        if (!File.Exists(full))
            return Outcome<KernelSource>.Failure($"{path}: no such file; --kernel takes a vmlinuz, a version of `lkm kernels`, or debian:6.1");
        Outcome<string> version = KernelImageVersion.Read(full);
        if (!version.Succeeded)
            return Outcome<KernelSource>.Failure(version.Error);
        // The package that the image was extracted from lies around it; else this may be one of the machine's.
        string? above = Path.GetDirectoryName(Path.GetDirectoryName(full));
        string root = above is not null && ExistingModules(above, version.Value) is not null ? above : hostRoot;
        string beside = Path.GetDirectoryName(full)!;
        string? modules = Directory.Exists(Path.Combine(beside, "kernel")) ? beside : ExistingModules(root, version.Value);
        return new KernelSource(version.Value, full, modules,
            ExistingFile(root, $"boot/config-{version.Value}"), HeadersIn(root, version.Value), KernelOrigin.Path);
    }

    private Outcome<KernelSource> LocateVersion(string version)
    {
        string? modules = ExistingModules(hostRoot, version);
        string? image = ExistingFile(hostRoot, $"boot/vmlinuz-{version}");
        if (image is null && modules is not null)
            image = ExistingFile(modules, "vmlinuz") ?? ExistingFile(modules, "vmlinux");
        if (image is not null)
            return new KernelSource(version, image, modules, ExistingFile(hostRoot, $"boot/config-{version}"), HeadersIn(hostRoot, version),
                KernelOrigin.Installed);
        string cached = Path.Combine(cache.DebianKernels, version);
        if (version.Length > 0 && Directory.Exists(Path.Combine(cached, "image")))
            return FromDebianFolder(cached);
        return Outcome<KernelSource>.Failure(
            $"{version}: no such kernel under {Path.Combine(hostRoot, "boot")}, {Path.Combine(hostRoot, "lib/modules")} or in the cache; see `lkm kernels`, or write debian:{version}");
    }

    private static string ModulesIn(string root, string version) => Path.Combine(root, "lib", "modules", version);

    private static string? ExistingModules(string root, string version)
    {
        string modules = ModulesIn(root, version);
        if (HostFiles.IsDirectory(Path.Combine(modules, "kernel")))
            return modules;
        string merged = Path.Combine(root, "usr", "lib", "modules", version);
        return HostFiles.IsDirectory(Path.Combine(merged, "kernel")) ? merged : null;
    }

    private static string? HeadersIn(string root, string version)
    {
        string build = KernelHeaders.BuildDirectory(root, version);
        if (root != "/" && HostFiles.IsFile(Path.Combine(build, "Makefile")))
            return build;
        string link = Path.Combine(ModulesIn(root, version), "build");
        return HostFiles.IsFile(Path.Combine(link, "Makefile")) ? link : null;
    }

    private static string? ExistingFile(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return HostFiles.IsFile(path) ? path : null;
    }

    private static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal) : [];

    private static IEnumerable<string> Folders(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal) : [];
}
