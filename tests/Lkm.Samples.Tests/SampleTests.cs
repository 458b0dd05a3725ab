using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Lkm.Distribution;
using Lkm.Kernel;
using Lkm.Kernel.Sessions;
using Lkm.Modules;
using Lkm.RealLinux;

namespace Lkm.Samples.Tests;

/// <summary>
/// The samples do here what they do on real Linux: every output and every line of the log. The recordings are made by running these
/// tests with LKM_RECORD=1, which boots the real kernel under QEMU.
/// </summary>
public sealed class SampleTests
{
    /// <summary>The scripts' names.</summary>
    public static TheoryData<string> Scripts =>
        [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "scripts"), "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Sample_does_what_it_does_on_real_Linux(string name)
    {
        var script = SampleScript.Read(Path.Combine(AppContext.BaseDirectory, "scripts", name + ".txt"));
        using var samples = new BuiltSamples(script.Samples);
        if (Environment.GetEnvironmentVariable("LKM_RECORD") is { Length: > 0 })
            script = Record(name, script, samples);
        using var session = samples.StartKernel();
        var differences = new List<string>();
        foreach (var step in script.Steps)
        {
            var here = samples.Run(session, step.Command);
            if (SampleScript.Normalise(step) != SampleScript.Normalise(here))
                differences.Add($"on real Linux:\n{SampleScript.Show(step)}here:\n{SampleScript.Show(here)}");
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    private static SampleScript Record(string name, SampleScript script, BuiltSamples samples)
    {
        var guest = new Guest(samples.Kernel);
        foreach (var file in samples.Files)
            guest.AddFile("/" + Path.GetFileName(file), file);
        Assert.Null(guest.AddModules("dm-mod", "brd", "dm-zero", "dm-snapshot"));
        var run = guest.Run([.. script.Steps.Select(step => step.Command)], TimeSpan.FromMinutes(4));
        Assert.True(run.Succeeded, run.Error);
        var steps = run.Value.Select(result => new SampleStep(
            result.Command, result.Status ?? -1, Lines(result.Output), [.. result.Log.Select(line => $"{line.Level}| {line.Text}")])).ToList();
        File.WriteAllText(Source(Path.Combine("scripts", name + ".txt")), script.Write(steps));
        return SampleScript.Read(Source(Path.Combine("scripts", name + ".txt")));
    }

    internal static IReadOnlyList<string> Lines(string output) => output.Length == 0 ? [] : output.TrimEnd('\n').Split('\n');

    private static string Source(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}

/// <summary>Samples built by kbuild in the cache, and kernels to load them into.</summary>
internal sealed class BuiltSamples : IDisposable
{
    private readonly List<string> _files = [];

    public BuiltSamples(IEnumerable<string> samples)
    {
        var cache = LkmCache.FromEnvironment();
        var locator = new KernelLocator(cache);
        Kernel = locator.AddHeaders(locator.Locate(KernelLocator.Default).Value!).Value!;
        Folder = Directory.CreateTempSubdirectory("lkm-samples-").FullName;
        foreach (var sample in samples)
            _files.AddRange(Build(cache, sample));
    }

    /// <summary>The kernel that they are for.</summary>
    public KernelSource Kernel { get; }

    /// <summary>A folder for what the test makes.</summary>
    public string Folder { get; }

    /// <summary>The modules.</summary>
    public IReadOnlyList<string> Files => _files;

    public KernelSession StartKernel()
    {
        var kernel = UserModeKernel.Start(new KernelOptions(Kernel.ImagePath, LkmCache.FromEnvironment().Root)).Value;
        return new KernelSession(kernel, new ModuleContext(ModuleDirectory.Open(Kernel.ModulesDirectory!), ModprobeConfiguration.Empty));
    }

    /// <summary>Runs a command; the names of modules' files become paths.</summary>
    public SampleStep Run(KernelSession session, string command)
    {
        var line = command;
        foreach (var file in _files)
            line = line.Replace($"insmod {Path.GetFileName(file)}", $"insmod {file}", StringComparison.Ordinal);
        var first = session.Kernel.Log.Next;
        using var output = new MemoryStream();
        var status = session.Execute(line, output);
        var log = session.Kernel.Log.Since(first).SelectMany(record => record.Text.Split('\n').Select(text => $"{record.Level}| {text}"));
        return new SampleStep(command, status, SampleTests.Lines(Encoding.UTF8.GetString(output.ToArray())), [.. log]);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private IReadOnlyList<string> Build(LkmCache cache, string sample)
    {
        var folder = cache.PathOf("tests", "samples", Kernel.Version, sample);
        Directory.CreateDirectory(folder);
        foreach (var source in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "samples", sample)))
        {
            var target = Path.Combine(folder, Path.GetFileName(source));
            if (!File.Exists(target) || File.ReadAllText(source) != File.ReadAllText(target))
                File.WriteAllText(target, File.ReadAllText(source)); // written, not copied with its time: it is newer than what was built before
        }

        if (Kbuild.UpToDate(folder, Kernel) is { } built)
            return built;
        var result = new Kbuild(cache).Build(folder, Kernel);
        Assert.True(result.Error is null, result.Error + "\n" + result.Output);
        return result.Modules;
    }
}
