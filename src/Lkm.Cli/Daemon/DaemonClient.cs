using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Lkm.Distribution;
using Lkm.Modules.Host;

namespace Lkm.Cli.Daemon;

/// <summary>A connection to the daemon of a kernel, from a client's side.</summary>
internal sealed class DaemonClient : IDisposable
{
    private const int Lost = 1;

    private readonly NetworkStream _stream;
    private readonly string _name;

    private DaemonClient(Socket socket, string name)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _name = name;
    }

    /// <summary>The kernel's release.</summary>
    public string Release { get; private set; } = "";

    /// <summary>The directory inside the kernel that the next command starts in.</summary>
    public string Directory { get; private set; } = "/";

    /// <summary>Whether nothing more is to be run: the shell was told to exit, or the kernel is gone.</summary>
    public bool IsExited { get; private set; }

    /// <summary>Connects to the kernel of a name.</summary>
    /// <param name="name">The name; null for the default one.</param>
    /// <param name="ofAnyVersion">Whether a daemon of another version of the program will do.</param>
    public static Outcome<DaemonClient> Connect(string? name, bool ofAnyVersion = false)
    {
        Outcome<DaemonPlace> place = DaemonPlace.Of(name);
        if (!place.Succeeded)
            return Outcome<DaemonClient>.Failure(place.Error);
        string own = place.Value.Name;
        if (place.Value.Connect() is not { } socket)
        {
            string option = own == DaemonPlace.DefaultName ? "" : $" --name {own}";
            return Outcome<DaemonClient>.Failure($"no kernel named \"{own}\" is running: start one with \"lkm boot{option}\"");
        }
        var client = new DaemonClient(socket, own);
        if (client.Greet(ofAnyVersion) is { } error)
        {
            client.Dispose();
            return Outcome<DaemonClient>.Failure(error);
        }
        return client;
    }

    /// <summary>Runs a command with this process's outputs and working directory. Ctrl-C ends the command, not this process.</summary>
    /// <param name="command">Its words.</param>
    /// <param name="openInput">Opens its input; null for this process's own.</param>
    /// <returns>The command's exit status.</returns>
    public int Run(IReadOnlyList<string> command, Func<Stream>? openInput = null)
    {
        using var interrupts = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            TrySend(new Frame(FrameKind.Interrupt, []));
        });
        // Not Console's streams, which take a broken pipe for success: `lkm cat /dev/zero | head` is to end.
        return Run(command, (descriptor, bytes) => HostProcess.Write(descriptor, bytes, bytes.Length), openInput ?? Console.OpenStandardInput);
    }

    /// <summary>Runs a command.</summary>
    /// <param name="command">Its words.</param>
    /// <param name="write">Takes what it writes, to descriptor 1 or 2; false when nobody reads that any more.</param>
    /// <param name="openInput">Opens its input, when it reads.</param>
    /// <returns>Its exit status.</returns>
    public int Run(IReadOnlyList<string> command, Func<int, byte[], bool> write, Func<Stream> openInput)
    {
        const int brokenPipe = 128 + 13;
        Send(Frame.OfTexts(FrameKind.Request, [Environment.CurrentDirectory, .. command]));
        var isRead = false;
        try
        {
            while (Frame.Read(_stream) is { } frame)
            {
                switch (frame.Kind)
                {
                    case FrameKind.Output or FrameKind.Error:
                        if (!write(frame.Kind == FrameKind.Output ? 1 : 2, frame.Payload))
                            return brokenPipe;
                        break;
                    case FrameKind.WantInput when !isRead:
                        isRead = true;
                        new Thread(() => SendInput(openInput())) { IsBackground = true }.Start();
                        break;
                    case FrameKind.Exit:
                        (int status, IsExited, Directory) = frame.Exit();
                        return status;
                    default:
                        break;
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            // The daemon is gone, which the next lines tell.
        }
        IsExited = true;
        write(2, Encoding.UTF8.GetBytes($"lkm: the kernel \"{_name}\" ended before the command did\n"));
        return Lost;
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    /// <summary>Both say who they are.</summary>
    /// <returns>Null, or why they do not fit.</returns>
    private string? Greet(bool ofAnyVersion)
    {
        try
        {
            Send(Frame.OfTexts(FrameKind.Hello, "lkm", $"{Frame.Protocol}", KernelIdentity.ProgramVersion));
            if (Frame.Read(_stream) is not { Kind: FrameKind.Hello } hello || hello.Texts() is not ["lkm", var protocol, var version, var release, ..])
                return $"what answers for the kernel \"{_name}\" is not lkm";
            Release = release;
            return ofAnyVersion || (protocol == $"{Frame.Protocol}" && version == KernelIdentity.ProgramVersion)
                ? null
                : $"the kernel \"{_name}\" was booted by lkm {version}, and this is {KernelIdentity.ProgramVersion}: \"lkm halt\" it and boot again";
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            return $"the kernel \"{_name}\" does not answer: {e.Message}";
        }
    }

    private void SendInput(Stream input)
    {
        var buffer = new byte[32 * 1024];
        int length;
        do
        {
            length = input.Read(buffer);
        }
        while (TrySend(new Frame(FrameKind.Input, buffer[..length])) && length > 0);
    }

    private bool TrySend(Frame frame)
    {
        try
        {
            Send(frame);
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return false; // the reader notices as well, and tells
        }
    }

    private void Send(Frame frame)
    {
        lock (_stream)
            _stream.Write(frame.ToBytes());
    }
}
