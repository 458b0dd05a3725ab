using Lkm.Distribution;

namespace Lkm.Kernel.Tests;

/// <summary>The modules of a folder of this project, built by kbuild for Debian's kernel, once for each version of their sources.</summary>
public sealed class BuiltModules
{
    private readonly Dictionary<string, string> _files = [];

    /// <summary>Builds the modules.</summary>
    /// <param name="folder">The folder, as it is called here.</param>
    public BuiltModules(string folder)
    {
        var cache = LkmCache.FromEnvironment();
        var kernel = new KernelLocator(cache).AddHeaders(BootedKernel.Source).Value!;
        var target = cache.PathOf("tests", folder.Replace('/', '-'), kernel.Version);
        Directory.CreateDirectory(target);
        foreach (var source in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, folder)))
        {
            var copy = Path.Combine(target, Path.GetFileName(source));
            if (!File.Exists(copy) || File.ReadAllText(copy) != File.ReadAllText(source))
                File.WriteAllText(copy, File.ReadAllText(source)); // written, not copied with its time: it is newer than what was built before
        }

        var built = Kbuild.UpToDate(target, kernel);
        if (built is null)
        {
            var result = new Kbuild(cache).Build(target, kernel);
            Assert.True(result.Error is null, result.Error + "\n" + result.Output);
            built = result.Modules;
        }

        foreach (var path in built)
            _files[Path.GetFileNameWithoutExtension(path)] = path;
    }

    /// <summary>The file of a module.</summary>
    public string this[string module] => _files[module];
}
