using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sessions;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Tests.Shell;

/// <summary>What a line printed, and its exit status.</summary>
internal readonly record struct LineResult(int Status, string Output, string Errors);

/// <summary>A shell on the machine's own kernel, in an empty folder, with modules that only exist here.</summary>
internal sealed class ShellFixture : IModuleCommands, IDisposable
{
    private readonly HostSystemCalls _calls = new();

    public ShellFixture()
    {
        Folder = Directory.CreateTempSubdirectory("lkm-shell-").FullName;
        Shell = new KernelShell(this, Log) { HostDirectory = Folder };
    }

    public string Folder { get; }

    public KernelShell Shell { get; }

    public KernelLog Log { get; } = new(() => 0);

    public List<string> ModuleCalls { get; } = [];

    public ModuleOutcome ModuleOutcome { get; set; }

    public List<string> Names => _calls.Names;

    /// <summary>Runs a line; @ stands for the folder.</summary>
    public LineResult Run(string line, byte[]? input = null)
    {
        using var output = new MemoryStream();
        using var errors = new MemoryStream();
        var task = Shell.Run(_calls, At(line), new ShellStreams(output, errors, input is null ? null : new MemoryStream(input)));
        Assert.True(task.IsCompleted, "the machine's system calls return at once, and so does the line");
        return new LineResult(task.GetResult(), Text(output), Text(errors));
    }

    /// <summary>Runs a line that must succeed without a word on standard error.</summary>
    public string Output(string line, byte[]? input = null)
    {
        var result = Run(line, input);
        Assert.Equal("", result.Errors);
        Assert.Equal(0, result.Status);
        return result.Output;
    }

    /// <summary>Runs a line that must fail without output.</summary>
    public string Errors(string line)
    {
        var result = Run(line);
        Assert.Equal("", result.Output);
        Assert.NotEqual(0, result.Status);
        return result.Errors;
    }

    public List<string> Complete(string line) => Shell.Complete(_calls, At(line)).GetResult();

    public string At(string text) => text.Replace("@", Folder);

    public GuestTask<ModuleOutcome> Insert(string file, string parameters, Action<LoadStep>? observer = null) =>
        Record($"insert {file} [{parameters}]");

    public IEnumerable<SymbolExport> Exports() => [];

    public GuestTask<ModuleOutcome> Remove(string name, bool force) => Record($"remove {name}{(force ? " by force" : "")}");

    public GuestTask<ModuleOutcome> Probe(string name, string parameters) => Record($"probe {name} [{parameters}]");

    public IReadOnlyList<string> DescribeProbe(string name, string parameters) => [];

    public GuestTask<ModuleOutcome> ProbeRemove(string name) => Record($"probe-remove {name}");

    public IReadOnlyList<ModuleField>? Describe(string nameOrFile) =>
        nameOrFile == "loop" ? [new("filename", "/lib/loop.ko"), new("license", "GPL"), new("parm", "max_loop:Maximum number (int)")] : null;

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        _calls.Dispose();
    }

    private GuestTask<ModuleOutcome> Record(string call)
    {
        ModuleCalls.Add(call);
        return GuestTask<ModuleOutcome>.FromResult(ModuleOutcome);
    }

    private static string Text(MemoryStream stream) => Encoding.Latin1.GetString(stream.ToArray());
}
