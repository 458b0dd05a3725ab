using Lkm.Modules;

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
        string directory = Path.Combine(root, "lib", "modules", release);
        if (File.Exists(Path.Combine(directory, "modules.dep")))
            return null;
        progress($"indexing the modules of {release}");
        var messages = new List<DepmodMessage>();
        var options = new DepmodOptions { Directory = directory, Configuration = DepmodConfiguration.Load([], release) };
        if (Depmod.Run(options, messages) is { } result)
        {
            foreach (DepmodFile file in DepmodFiles.Make(result, onlyText: false, warnOfDuplicates: false, messages))
                AtomicFile.Write(Path.Combine(directory, file.Name), file.Bytes.Span);
        }

        return messages.FirstOrDefault(message => message.Severity == DepmodSeverity.Fatal) is { } fatal ? $"depmod {release}: {fatal.Text}" : null;
    }
}
