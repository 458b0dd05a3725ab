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

    /// <summary>The module system calls.</summary>
    public required IModuleSystemCalls SystemCalls { get; init; }

    /// <summary>What stands before the paths of the system: configuration, /proc, /sys and the default module directory. Empty on the machine itself.</summary>
    public string Root { get; init; } = "";

    /// <summary>Looks an environment variable up.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Tells the running kernel's release.</summary>
    public Func<string> Release { get; init; } = HostKernel.Release;

    /// <summary>Tells the last line of the kernel's log.</summary>
    public Func<string?> LastKernelMessage { get; init; } = HostProcess.LastKernelMessage;

    /// <summary>Whether everything is as kmod does it, without lkm's own options and improvements.</summary>
    public bool IsStrict { get; init; }

    /// <summary>The last part of <see cref="ProgramPath"/>.</summary>
    public string ProgramName => ProgramPath[(ProgramPath.LastIndexOf('/') + 1)..];

    /// <summary>The machine's kernel.</summary>
    public HostKernel Kernel => field ??= new(SystemCalls, Root);

    /// <summary>Messages.</summary>
    public ToolLog Log => field ??= new(ProgramName, ErrorOutput);

    /// <summary>Takes the command line apart; messages about it go to standard error. kmod's tools know no <c>--json</c>.</summary>
    public OptionParser Options(IReadOnlyList<string> arguments, string shortOptions, LongOption[] longOptions) =>
        new(ProgramPath, arguments, shortOptions, longOptions, Log.Plain, IsStrict ? "json" : null, Variable("POSIXLY_CORRECT") is not null);

    /// <summary>Runs a command line of the configuration by the shell, with MODPROBE_MODULE and MODPROBE_OPTIONS in its environment.</summary>
    public Func<string, IReadOnlyList<(string Name, string Value)>, int> Shell { get; init; } = HostProcess.Run;

    private readonly List<string> _passedOn = [];

    /// <summary>Passes an option on to modprobe where commands of the configuration call it.</summary>
    public void PassOn(string option) => _passedOn.Add(option);

    /// <summary>Runs a command of the configuration for a module.</summary>
    /// <returns>Its exit status.</returns>
    public int RunCommand(string command, string module)
    {
        Output.Flush();
        List<(string, string)> variables = [("MODPROBE_MODULE", module)];
        if (_passedOn.Count > 0)
        {
            var options = string.Join(' ', _passedOn);
            variables.Add(("MODPROBE_OPTIONS", Variable("MODPROBE_OPTIONS") is { Length: > 0 } inherited ? $"{inherited} {options}" : options));
        }
        return Shell(command, variables);
    }

    /// <summary>What <c>--version</c> prints: the version of kmod whose options and output this is, for scripts that ask.</summary>
    public int PrintVersion()
    {
        Output.Write("kmod version 34\n+ZSTD +XZ +ZLIB +LIBCRYPTO\n");
        return 0;
    }
}
