namespace Lkm.Distribution;

/// <summary>One kernel build, and where the files that belong to it lie.</summary>
/// <param name="Version">The release, as <c>uname -r</c> prints it (UTS_RELEASE): <c>6.1.0-56-amd64</c>.</param>
/// <param name="ImagePath">The bzImage, or the vmlinux.</param>
/// <param name="ModulesDirectory"><c>…/lib/modules/VERSION</c>; null when the image came without modules.</param>
/// <param name="ConfigPath">The configuration it was built with; null when not known.</param>
/// <param name="HeadersDirectory">
/// The folder kbuild builds against (<c>make -C</c>); null when headers are not there. <see cref="KernelLocator.AddHeaders"/> fetches them
/// where it can.
/// </param>
/// <param name="Origin">Where this build was found.</param>
public sealed record KernelSource(
    string Version,
    string ImagePath,
    string? ModulesDirectory,
    string? ConfigPath,
    string? HeadersDirectory,
    KernelOrigin Origin)
{
    /// <summary>The symbol versions of this build (kbuild's Module.symvers); null without headers.</summary>
    public string? SymversPath =>
        HeadersDirectory is { } headers && File.Exists(Path.Combine(headers, "Module.symvers")) ? Path.Combine(headers, "Module.symvers") : null;
}

/// <summary>Where a kernel was found.</summary>
public enum KernelOrigin
{
    /// <summary>An image named by its path.</summary>
    Path,

    /// <summary>Installed on this machine, under /boot or /lib/modules.</summary>
    Installed,

    /// <summary>Fetched from Debian into lkm's cache.</summary>
    Debian,
}
