using System.Diagnostics;
using System.Text;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>The program with a runtime folder of its own, and modules that were built for the tests.</summary>
public sealed class ResidentFixture : IDisposable
{
    private static readonly Lazy<string> s_modules = new(BuildModules);

    /// <summary>A folder of the test's own.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("lkm-resident-").FullName;

    /// <summary>The runtime folder of lkm.</summary>
    public string Runtime => Path.Combine(Folder, "run", "lkm");

    /// <summary>The module that does what a module must not.</summary>
    public static string Misbehave => Path.Combine(s_modules.Value, "misbehave", "misbehave.ko");

    /// <summary>A module that exports symbols, and one that uses them.</summary>
    public static string Symbols => ModulesOf("symbols");

    /// <summary>The folder of a sample, built.</summary>
    public static string ModulesOf(string sample) => Path.Combine(s_modules.Value, sample);

    /// <summary>Runs the program.</summary>
    public HostCommandResult Lkm(params string[] arguments) => HostCommand.Run("dotnet", [Program, .. arguments], Folder, Environment());

    /// <summary>Runs the program, which must succeed.</summary>
    /// <returns>Its output.</returns>
    public string Output(params string[] arguments)
    {
        HostCommandResult result = Lkm(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.ExitCode}: {result.Error}");
        return result.Output;
    }

    /// <summary>Starts the program, to go on beside the test.</summary>
    public Process Start(params string[] arguments)
    {
        // What runs the tests may ignore SIGINT, as a shell makes its background jobs do, and programs inherit that.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        foreach ((string name, string value) in Environment())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>The daemon's process id, from what boot printed.</summary>
    public static int ProcessOf(string booted) => int.Parse(booted[(booted.LastIndexOf("process ", StringComparison.Ordinal) + 8)..].TrimEnd(')', '\n'));

    /// <summary>Sends a signal.</summary>
    public static void Signal(string signal, int process) => Assert.Equal(0, HostCommand.Run("/bin/kill", [signal, $"{process}"]).ExitCode);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (string socket in Directory.Exists(Runtime) ? Directory.GetFiles(Runtime, "*.sock") : [])
            Lkm("halt", "--name", Path.GetFileNameWithoutExtension(socket));
        Directory.Delete(Folder, recursive: true);
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "lkm.dll");

    private IEnumerable<KeyValuePair<string, string>> Environment() =>
        [new("XDG_RUNTIME_DIR", Path.Combine(Folder, "run")), new("XDG_STATE_HOME", Path.Combine(Folder, "state"))];

    private static string BuildModules()
    {
        string folder = Directory.CreateTempSubdirectory("lkm-modules-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        foreach (string module in (string[])["misbehave", "symbols", "zerocopy"])
        {
            string target = Path.Combine(folder, module);
            Directory.CreateDirectory(target);
            foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "modules", module)))
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
            HostCommandResult built = HostCommand.Run("dotnet", [Program, "build", target]);
            Assert.True(built.ExitCode == 0, built.Error);
        }
        return folder;
    }
}
