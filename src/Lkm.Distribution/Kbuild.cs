using System.Security.Cryptography;
using System.Text;

namespace Lkm.Distribution;

/// <summary>What a build gave.</summary>
/// <param name="Modules">The paths of the .ko files, in kbuild's order; empty after a failure.</param>
/// <param name="Output">What make and the compiler printed.</param>
/// <param name="Error">One line, when it failed.</param>
/// <param name="Warnings">What may explain trouble later: a compiler that is not the kernel's.</param>
public sealed record KbuildResult(IReadOnlyList<string> Modules, string Output, string? Error, IReadOnlyList<string> Warnings)
{
    internal static KbuildResult Failure(string error, string output = "") => new([], output, error, []);
}

/// <summary>Builds external modules with the kernel's own build system: <c>make -C HEADERS M=DIRECTORY modules</c>.</summary>
/// <param name="cache">Holds the locks that keep two builds of one folder apart.</param>
public sealed class Kbuild(LkmCache cache)
{
    /// <summary>The modules in a folder when they are built for this kernel and newer than every source; null when a build is due.</summary>
    /// <param name="directory">The folder with the Makefile.</param>
    /// <param name="kernel">The kernel meant.</param>
    public static IReadOnlyList<string>? UpToDate(string directory, KernelSource kernel)
    {
        IReadOnlyList<string> modules = Built(directory);
        if (modules.Count == 0)
            return null;
        DateTime oldest = DateTime.MaxValue;
        foreach (string module in modules)
        {
            if (!File.Exists(module) || !IsBuiltFor(module, kernel.Version))
                return null;
            DateTime time = File.GetLastWriteTimeUtc(module);
            oldest = time < oldest ? time : oldest;
        }
        foreach (string source in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            if (IsSource(source) && File.GetLastWriteTimeUtc(source) > oldest)
                return null;
        }
        return modules;
    }

    /// <summary>Builds the modules of a folder. Those of another kernel are cleaned away first.</summary>
    /// <param name="directory">The folder with the Makefile.</param>
    /// <param name="kernel">The kernel to build for, with its headers (<see cref="KernelLocator.AddHeaders"/>).</param>
    /// <param name="symbolVersions">Module.symvers files of other folders whose symbols these modules use.</param>
    public KbuildResult Build(string directory, KernelSource kernel, params IReadOnlyList<string> symbolVersions)
    {
        string folder = Path.GetFullPath(directory);
        if (kernel.HeadersDirectory is not { } headers)
            return KbuildResult.Failure($"{kernel.Version}: no headers to build against");
        if (!File.Exists(Path.Combine(folder, "Makefile")) && !File.Exists(Path.Combine(folder, "Kbuild")))
            return KbuildResult.Failure($"{directory}: no Makefile or Kbuild there; `lkm new NAME` makes a folder that builds");
        // make splits words at spaces and takes a colon for a rule, and kbuild does not quote.
        if ((folder + headers).AsSpan().ContainsAny(" :\t#$"))
            return KbuildResult.Failure($"{(folder.AsSpan().ContainsAny(" :\t#$") ? folder : headers)}: kbuild cannot work in a path with spaces, ':', '#' or '$'; move it");
        var warnings = new List<string>();
        if (Toolchain.Check(headers, warnings, out string? compiler) is { } missing)
            return KbuildResult.Failure(missing);

        using IDisposable mutex = cache.Lock($"kbuild-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..16]}");
        List<string> arguments = ["-C", headers, $"M={folder}"];
        if (compiler is not null)
            arguments.Add($"CC={compiler}");
        if (symbolVersions.Count > 0)
            arguments.Add($"KBUILD_EXTRA_SYMBOLS={string.Join(' ', symbolVersions.Select(Path.GetFullPath))}");
        Dictionary<string, string> environment = SearchPaths(headers);
        if (Built(folder).Any(module => File.Exists(module) && !IsBuiltFor(module, kernel.Version)))
            HostCommand.Run("make", [.. arguments, "clean"], folder, environment);
        HostCommandResult result = HostCommand.Run("make", [.. arguments, "modules"], folder, environment);
        string output = result.Output + result.Error;
        if (result.ExitCode != 0)
            return new KbuildResult([], output, $"{directory}: {FirstError(result)}{string.Concat(warnings.Select(warning => $" ({warning})"))}", warnings);
        IReadOnlyList<string> modules = Built(folder);
        return modules.Count == 0
            ? new KbuildResult([], output, $"{directory}: the build made no module; name one in the Makefile: obj-m := NAME.o", warnings)
            : new KbuildResult(modules, output, null, warnings);
    }

    /// <summary>The modules that kbuild wrote down in modules.order (paths end in .ko in 6.1, in .o since 6.3).</summary>
    private static List<string> Built(string directory)
    {
        string order = Path.Combine(directory, "modules.order");
        var modules = new List<string>();
        if (!File.Exists(order))
            return modules;
        foreach (string line in File.ReadLines(order))
        {
            if (line.Length > 0)
                modules.Add(Path.ChangeExtension(Path.Combine(directory, line), ".ko"));
        }
        return modules;
    }

    private static bool IsBuiltFor(string module, string version) =>
        File.ReadAllBytes(module).AsSpan().IndexOf(Encoding.ASCII.GetBytes($"vermagic={version} ")) >= 0;

    private static bool IsSource(string path) =>
        Path.GetExtension(path) is ".c" or ".h" or ".S" or ".rs" && !path.EndsWith(".mod.c", StringComparison.Ordinal)
        || Path.GetFileName(path) is "Makefile" or "Kbuild";

    /// <summary>Lets kbuild find what was fetched beside the headers.</summary>
    private static Dictionary<string, string> SearchPaths(string headers)
    {
        var environment = new Dictionary<string, string>();
        Append("LD_LIBRARY_PATH", KernelHeaders.LibraryDirectory(headers), first: true);
        Append("PATH", KernelHeaders.ProgramDirectory(headers), first: false);
        return environment;

        void Append(string name, string folder, bool first)
        {
            if (!Directory.Exists(folder))
                return;
            string? inherited = Environment.GetEnvironmentVariable(name);
            environment[name] = string.IsNullOrEmpty(inherited) ? folder : first ? $"{folder}:{inherited}" : $"{inherited}:{folder}";
        }
    }

    /// <summary>The first line in which the compiler or modpost names an error: make's own last line only says that there was one.</summary>
    private static string FirstError(HostCommandResult result)
    {
        foreach (string line in result.Error.Split('\n'))
        {
            const string MissingLibrary = "version `GLIBC_";
            if (line.IndexOf(MissingLibrary, StringComparison.Ordinal) is >= 0 and int at)
            {
                ReadOnlySpan<char> version = line.AsSpan(at + MissingLibrary.Length);
                return $"the headers' own tools need glibc {version[..version.IndexOf('\'')]}, which this machine's release is too old for: build on the release that the kernel is of";
            }

            const string NotFound = ": not found"; // the shell's: "/bin/sh: 1: pahole: not found"
            if (line.StartsWith("/bin/sh: ", StringComparison.Ordinal) && line.EndsWith(NotFound, StringComparison.Ordinal))
            {
                string program = line[..^NotFound.Length].Split(' ')[^1];
                return $"kbuild needs {program}, which is not installed; install it with: apt-get install {program}";
            }

            if (line.Contains("error:", StringComparison.Ordinal) || line.StartsWith("ERROR:", StringComparison.Ordinal))
                return line.Trim();
        }
        return result.LastErrorLine is { Length: > 0 } last ? last : $"make ended with status {result.ExitCode}";
    }
}
