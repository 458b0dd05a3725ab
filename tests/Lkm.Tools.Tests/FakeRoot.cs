using System.Text;
using Lkm.Cli.Tools;
using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Tools.Tests;

/// <summary>What a tool did: exit code and output.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    /// <summary>All of it as one text: output, then errors, then a line with the exit code if it is not 0.</summary>
    public override string ToString() => $"{Output}{Error}{(ExitCode == 0 ? "" : $"[{ExitCode}]\n")}";
}

/// <summary>
/// A system of its own for a test: a root directory with configuration, modules, /proc and /sys, kernel release 4.4.4, and system calls that are
/// recorded and answered from a table.
/// </summary>
internal sealed class FakeRoot : IToolHost, IDisposable
{
    public const string Release = "4.4.4";

    public string Path { get; } = Directory.CreateTempSubdirectory("lkm-").FullName;

    /// <summary>Answers of the system calls by module name; what is not here succeeds.</summary>
    public Dictionary<string, Errno> Answers { get; } = [];

    /// <summary>The calls so far.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Commands that the shell was given, and how they ended.</summary>
    public Dictionary<string, int> Commands { get; } = [];

    public List<string> Ran { get; } = [];

    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>Whether the kernel knows finit_module(2).</summary>
    public bool KnowsFinitModule { get; set; } = true;

    public string Modules => $"{Path}/lib/modules/{Release}";

    /// <summary>The last line of the kernel's log.</summary>
    public string? KernelMessage { get; set; }

    private readonly SortedDictionary<string, string> _forCommands = new(StringComparer.Ordinal);
    private string _lastFile = "";

    public FakeRoot Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public FakeRoot Write(string name, byte[] bytes)
    {
        var path = $"{Path}/{name}";
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return this;
    }

    public FakeRoot Module(string file, ModuleImage image) => Write($"lib/modules/{Release}/{file}", image.ToBytes());

    /// <summary>Makes the kernel say that a module is loaded.</summary>
    public FakeRoot Load(string name, int users = 0, params string[] holders)
    {
        Write($"sys/module/{name}/initstate", "live\n");
        Write($"sys/module/{name}/refcnt", $"{users}\n");
        Write($"sys/module/{name}/coresize", "8192\n");
        Directory.CreateDirectory($"{Path}/sys/module/{name}/holders");
        foreach (var holder in holders)
        {
            Directory.CreateDirectory($"{Path}/sys/module/{name}/holders/{holder}");
        }
        return this;
    }

    /// <summary>Runs depmod over the modules, which must go well.</summary>
    public FakeRoot Depmod()
    {
        if (!File.Exists($"{Modules}/modules.order"))
        {
            Write($"lib/modules/{Release}/modules.order", "");
        }
        foreach (var name in (string[])["modules.builtin", "modules.builtin.modinfo"])
        {
            if (!File.Exists($"{Modules}/{name}"))
            {
                Write($"lib/modules/{Release}/{name}", "");
            }
        }
        Assert.Equal("", Run("depmod").ToString());
        return this;
    }

    /// <summary>Runs a tool as it is when called by its name.</summary>
    public Outcome Run(string tool, params string[] arguments) => Run(tool, isStrict: true, arguments);

    /// <summary>Runs a tool with lkm's improvements.</summary>
    public Outcome RunImproved(string tool, params string[] arguments) => Run(tool, isStrict: false, arguments);

    private Outcome Run(string tool, bool isStrict, string[] arguments)
    {
        MemoryStream output = new(), error = new();
        var context = new ToolContext
        {
            ProgramPath = tool,
            Output = new StreamOutput(output),
            ErrorOutput = new StreamOutput(error),
            Host = this,
            Root = Path,
            IsStrict = isStrict,
        };
        _forCommands.Clear();
        var exitCode = ToolNames.Run(tool, context, arguments);
        context.Output.Flush();
        context.ErrorOutput.Flush();
        return new(exitCode, Text(output), Text(error));
    }

    /// <summary>What was written, with the root's path taken out.</summary>
    private string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray()).Replace(Path, "", StringComparison.Ordinal);

    public void Dispose() => Directory.Delete(Path, recursive: true);

    Errno IModuleSystemCalls.InitModule(ReadOnlyMemory<byte> image, string parameters) => Inserted("init", _lastFile, parameters, 0);

    Errno IModuleSystemCalls.FinitModule(int file, string parameters, InsertFlags flags)
    {
        _lastFile = File.ResolveLinkTarget($"/proc/self/fd/{file}", returnFinalTarget: false)!.FullName;
        return KnowsFinitModule ? Inserted("finit", _lastFile, parameters, flags) : Errno.ENOSYS;
    }

    Errno IModuleSystemCalls.DeleteModule(string name, RemoveFlags flags)
    {
        Calls.Add($"delete {name} {(int)flags:x}");
        var answer = Answers.GetValueOrDefault(name);
        if (answer == Errno.OK && Directory.Exists($"{Path}/sys/module/{name}"))
        {
            Directory.Delete($"{Path}/sys/module/{name}", recursive: true);
        }
        return answer;
    }

    private Errno Inserted(string call, string file, string parameters, InsertFlags flags)
    {
        var name = Lkm.Modules.ModuleName.FromPath(file);
        Calls.Add($"{call} {name} '{parameters}' {(int)flags}");
        var answer = Answers.GetValueOrDefault(name);
        if (answer == Errno.OK)
        {
            Load(name);
        }
        return answer;
    }

    string IToolHost.Release => Release;

    string? IToolHost.LastKernelMessage => KernelMessage;

    string? IToolHost.Variable(string name) => Variables.GetValueOrDefault(name);

    void IToolHost.SetVariable(string name, string value) => _forCommands[name] = value;

    int IToolHost.Shell(string command)
    {
        Ran.Add(string.Join(' ', _forCommands.Select(static variable => $"{variable.Key}={variable.Value}").Append(command)));
        return Commands.GetValueOrDefault(command);
    }
}
