namespace Lkm.Distribution;

/// <summary>
/// Makes modules.dep and its kin in a freshly extracted image package: dpkg would have had depmod do it when configuring the package,
/// but nothing is configured here.
/// </summary>
internal static class ModuleIndexes
{
    public static string? Make(string root, string release, Action<string> progress)
    {
        if (!Directory.Exists(Path.Combine(root, "lib"))) // packages since Debian 13 have everything under /usr
            Directory.CreateSymbolicLink(Path.Combine(root, "lib"), Path.Combine("usr", "lib"));
        if (File.Exists(Path.Combine(root, "lib", "modules", release, "modules.dep")))
            return null;
        progress($"indexing the modules of {release}");
        if (HostCommand.Find("depmod") is not { } depmod)
            return "depmod is not installed; install it with: apt-get install kmod";
        HostCommandResult result = HostCommand.Run(depmod, ["-b", root, release]);
        return result.ExitCode == 0 ? null : $"depmod {release}: {result.LastErrorLine}";
    }
}
