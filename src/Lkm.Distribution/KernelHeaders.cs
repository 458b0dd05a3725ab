namespace Lkm.Distribution;

/// <summary>Makes Debian's headers packages usable from the folder they were extracted into.</summary>
internal static class KernelHeaders
{
    /// <summary>The folder for <c>make -C</c> among extracted headers packages.</summary>
    public static string BuildDirectory(string root, string release) => Path.Combine(root, "usr", "src", $"linux-headers-{release}");

    /// <summary>Where shared libraries that the machine lacks were put.</summary>
    public static string LibraryDirectory(string buildDirectory) =>
        Path.GetFullPath(Path.Combine(buildDirectory, "..", "..", "lib", "x86_64-linux-gnu"));

    /// <summary>
    /// The arch headers' Makefile is one line, <c>include /usr/src/linux-headers-…-common/Makefile</c>. It is rewritten to the folder
    /// beside it; everything else in the packages is found from there by relative links.
    /// </summary>
    /// <returns>Null, or what failed.</returns>
    public static string? MakeRelocatable(string root, string release)
    {
        string makefile = Path.Combine(BuildDirectory(root, release), "Makefile");
        if (!File.Exists(makefile))
            return $"linux-headers-{release}: the package has no /usr/src/linux-headers-{release}/Makefile";
        string text = File.ReadAllText(makefile);
        File.WriteAllText(makefile, text.Replace("/usr/src/", "$(dir $(lastword $(MAKEFILE_LIST)))../", StringComparison.Ordinal));
        return null;
    }

    /// <summary>Where programs that the machine lacks were put.</summary>
    public static string ProgramDirectory(string buildDirectory) => Path.GetFullPath(Path.Combine(buildDirectory, "..", "..", "bin"));

    /// <summary>
    /// What kbuild runs and a machine with only gcc and make may lack: objtool, run on each object, needs libelf; where the headers hold the kernel's types
    /// (6.12), pahole writes those of the module. They are fetched the same way and used from the cache.
    /// </summary>
    /// <returns>Null, or what failed.</returns>
    public static string? AddMissingTools(string root, string release, Apt apt, Action<string> progress)
    {
        if (File.Exists(Path.Combine(BuildDirectory(root, release), "vmlinux")) && HostCommand.Find("pahole") is null)
        {
            progress("pahole is not installed: using a copy of its own");
            return apt.Extract(["pahole", "libbpf1", "libdw1", "libelf1"], root);
        }

        foreach (string objtool in Directory.EnumerateFiles(Path.Combine(root, "usr", "lib"), "objtool*", SearchOption.AllDirectories))
        {
            HostCommandResult result = HostCommand.Run(objtool, ["--help"]);
            if (result.ExitCode != 127 || !result.Error.Contains("libelf", StringComparison.Ordinal))
                continue;
            progress("libelf1 is not installed: using a copy of its own");
            return apt.Extract(["libelf1"], root);
        }
        return null;
    }
}
