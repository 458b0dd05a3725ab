using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>The machine itself.</summary>
internal sealed class MachineHost : IToolHost
{
    private readonly HostSystemCalls _calls = new();

    public string Release => HostKernel.Release();

    public string? LastKernelMessage => HostProcess.LastKernelMessage();

    public string? Variable(string name) => Environment.GetEnvironmentVariable(name);

    public void SetVariable(string name, string value) => HostProcess.SetVariable(name, value);

    public int Shell(string command) => HostProcess.Run(command);

    public Errno InitModule(ReadOnlyMemory<byte> image, string parameters) => _calls.InitModule(image, parameters);

    public Errno FinitModule(int file, string parameters, InsertFlags flags) => _calls.FinitModule(file, parameters, flags);

    public Errno DeleteModule(string name, RemoveFlags flags) => _calls.DeleteModule(name, flags);
}
