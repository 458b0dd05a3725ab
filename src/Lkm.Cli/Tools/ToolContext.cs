using Lkm.Distribution;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>All that a tool touches outside itself, so that tests can give it a system of their own.</summary>
internal sealed class ToolContext
{
    /// <summary>How the program was called: <c>argv[0]</c>.</summary>
    public required string ProgramPath { get; init; }

    /// <summary>Standard output.</summary>
    public required ToolOutput Output { get; init; }

    /// <summary>Standard error.</summary>
    public required ToolOutput ErrorOutput { get; init; }

    /// <summary>The system.</summary>
    public required IToolHost Host { get; init; }

    /// <summary>What stands before the paths of the system: configuration, /proc, /sys and the default module directory. Empty on the machine itself.</summary>
    public string Root { get; init; } = "";

    /// <summary>Finds the folder of the kernel's modules; null for the machine's kernel.</summary>
    public Func<Outcome<string>>? FindModules { get; init; }

    /// <summary>Whether everything is as kmod does it, without lkm's own options and improvements.</summary>
    public bool IsStrict { get; init; }

    /// <summary>The last part of <see cref="ProgramPath"/>.</summary>
    public string ProgramName => ProgramPath[ModuleName.BaseNameStart(ProgramPath)..];

    /// <summary>The machine's kernel.</summary>
    public HostKernel Kernel => field ??= new(Host, Root);

    /// <summary>Messages.</summary>
    public ToolLog Log => field ??= new(ProgramName, ErrorOutput);

    /// <summary>Takes the command line apart; messages about it go to standard error. kmod's tools know no <c>--json</c>.</summary>
    public OptionParser Options(string[] arguments, string shortOptions, LongOption[] longOptions) =>
        new(ProgramPath, arguments, shortOptions, longOptions, Log, IsStrict ? "json" : null, Host.Variable("POSIXLY_CORRECT") is not null);

    /// <summary>The same tool's context under another name.</summary>
    public ToolContext Renamed(string name) => new()
    {
        ProgramPath = name,
        Output = Output,
        ErrorOutput = ErrorOutput,
        Host = Host,
        Root = Root,
        IsStrict = IsStrict,
        FindModules = FindModules,
    };

    private string? _passedOn;

    /// <summary>Passes an option on to modprobe where commands of the configuration call it.</summary>
    public void PassOn(string option) => _passedOn = _passedOn is null ? option : $"{_passedOn} {option}";

    /// <summary>Runs a command of the configuration for a module, with MODPROBE_MODULE and MODPROBE_OPTIONS in its environment.</summary>
    /// <returns>Its exit status.</returns>
    public int RunCommand(string command, string module)
    {
        Output.Flush();
        Host.SetVariable("MODPROBE_MODULE", module);
        if (_passedOn is not null)
        {
            Host.SetVariable("MODPROBE_OPTIONS", Host.Variable("MODPROBE_OPTIONS") is { Length: > 0 } inherited ? $"{inherited} {_passedOn}" : _passedOn);
        }
        return Host.Shell(command);
    }

    /// <summary>What <c>--version</c> prints: the version of kmod whose options and output this is, for scripts that ask.</summary>
    public int PrintVersion()
    {
        Output.Write("kmod version 34\n+ZSTD +XZ +ZLIB +LIBCRYPTO\n");
        return 0;
    }
}
