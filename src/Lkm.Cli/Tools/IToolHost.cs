using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>The system that a tool runs on, besides its files.</summary>
internal interface IToolHost : IModuleSystemCalls
{
    /// <summary>The running kernel's release.</summary>
    string Release { get; }

    /// <summary>The last line of the kernel's log; null if it can't be read.</summary>
    string? LastKernelMessage { get; }

    /// <summary>An environment variable; null if it is not set.</summary>
    string? Variable(string name);

    /// <summary>Sets an environment variable for the commands that are run from now on.</summary>
    void SetVariable(string name, string value);

    /// <summary>Runs a command line by the shell.</summary>
    /// <returns>Its exit status.</returns>
    int Shell(string command);
}
