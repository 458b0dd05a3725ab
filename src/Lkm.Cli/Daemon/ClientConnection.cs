using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Sessions;
using Lkm.Kernel.Shell;
using Microsoft.Win32.SafeHandles;

namespace Lkm.Cli.Daemon;

/// <summary>
/// One client of the daemon: it says who it is, then asks for one command after another. Its working directory inside the kernel, and the
/// status of its last command, stay from one to the next.
/// </summary>
internal sealed class ClientConnection : IRequestClient
{
    private const int FullAt = 256 * 1024;
    private const int HangUp = 1, Interrupt = 2;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly DaemonServer _server;
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly KernelShell _shell;
    private readonly BlockingCollection<(Frame Frame, SafeFileHandle? File)> _frames = [];
    private readonly Thread _writer;
    private KernelRequest? _request;
    private IFollower? _follower;
    private long _pending;
    private volatile bool _isGone;

    /// <summary>Takes over a connection.</summary>
    public ClientConnection(DaemonServer server, Socket socket)
    {
        _server = server;
        _socket = socket;
        _stream = new NetworkStream(socket);
        _shell = server.Kernel.NewShell();
        _writer = new Thread(WriteFrames) { IsBackground = true, Name = "lkm-output" };
        _writer.Start();
    }

    /// <inheritdoc/>
    public bool IsFull => Interlocked.Read(ref _pending) > FullAt;

    /// <inheritdoc/>
    public bool IsGone => _isGone;

    /// <inheritdoc/>
    public void Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        var kind = descriptor == 1 ? FrameKind.Output : FrameKind.Error;
        for (; bytes.Length > Frame.LongestPayload; bytes = bytes[Frame.LongestPayload..])
            Send(new Frame(kind, bytes[..Frame.LongestPayload].ToArray()));
        Send(new Frame(kind, bytes.ToArray()));
    }

    /// <inheritdoc/>
    public void WantInput() => Send(new Frame(FrameKind.WantInput, []));

    /// <inheritdoc/>
    public void Share(int descriptor, IReadOnlyList<SharedPiece> pieces, bool writable) =>
        Send(Frame.OfMemory(pieces), DescriptorPassing.Reopen(descriptor, writable));

    /// <summary>Tells that a command has ended.</summary>
    public void Exit(int status) => Send(Frame.OfExit(status, _shell.IsExited, _shell.Directory));

    /// <summary>Serves the client until it goes.</summary>
    public void Serve()
    {
        try
        {
            if (Frame.Read(_stream) is { Kind: FrameKind.Hello } hello && hello.Texts() is ["lkm", ..])
            {
                KernelIdentity identity = _server.Identity;
                Send(Frame.OfTexts(FrameKind.Hello, "lkm", $"{Frame.Protocol}", KernelIdentity.ProgramVersion, identity.Release, identity.Name));
                while (Frame.Read(_stream) is { } frame)
                    Take(frame);
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            // A client that breaks off, or speaks another language, is gone; nobody else is concerned.
        }
        _isGone = true;
        _follower?.End();
        if (_request is { Completion.IsCompleted: false } request)
        {
            request.EndInput();
            Stop(request, HangUp);
        }
        Drain();
        _socket.Dispose();
    }

    /// <summary>Sends what waits to be sent, and no more.</summary>
    public void Drain()
    {
        _frames.CompleteAdding();
        _writer.Join(s_patience);
    }

    private void Take(Frame frame)
    {
        switch (frame.Kind)
        {
            case FrameKind.Request when frame.Texts() is [var directory, var command, .. var arguments]:
                if (_request is { Completion.IsCompleted: false } || _follower is not null)
                    throw new InvalidDataException("a request before the last one has ended");
                _shell.HostDirectory = directory;
                Start(command, arguments);
                break;
            case FrameKind.Input when frame.Payload.Length > 0:
                _request?.Supply(frame.Payload);
                break;
            case FrameKind.Input:
                _request?.EndInput();
                break;
            case FrameKind.Interrupt when _follower is { } follower:
                _follower = null;
                follower.End().ContinueWith(_ => Exit(128 + Interrupt), TaskScheduler.Default);
                break;
            case FrameKind.Interrupt:
                if (_request is { } request)
                    Stop(request, Interrupt);
                break;
            default:
                throw new InvalidDataException($"a frame of kind {(byte)frame.Kind}");
        }
    }

    /// <summary>Commands about the daemon are its own; all others are the kernel's shell's.</summary>
    private void Start(string command, string[] arguments)
    {
        ResidentKernel kernel = _server.Kernel;
        switch (command, arguments)
        {
            case ("halt", []):
                Exit(0);
                _server.Halt();
                break;
            case ("status", []):
                Answer(kernel.Ask(guest => _server.Identity.ToJson(kernel.StopReason, guest.Clock.Nanoseconds) + "\n"));
                break;
            case ("dmesg", _):
                _follower = LogFollower.Start(kernel, this, arguments);
                break;
            case ("probe", _):
                Probe(arguments);
                break;
            case ("map", [var path, var offset, var length, "r" or "w"]):
                Map(path, offset, length, isWritable: arguments[^1] == "w");
                break;
            case ("complete", [var line]):
                Run(kernel.Complete(_shell, line, this));
                break;
            case ("sh", [var line]):
                Run(kernel.RunLine(_shell, line, this));
                break;
            default:
                Run(kernel.RunCommand(_shell, [command, .. arguments], this));
                break;
        }
    }

    private void Run(KernelRequest request, ProbeFollower? follower = null)
    {
        _request = request;
        request.Completion.ContinueWith(
            async ended =>
            {
                await (follower?.End() ?? Task.CompletedTask);
                Exit(ended.Result);
            },
            TaskScheduler.Default);
    }

    /// <summary>Watches functions while lines run, or until the user has enough.</summary>
    private void Probe(string[] arguments)
    {
        ProbeFollower? follower = ProbeFollower.Start(_server.Kernel, this, arguments);
        if (follower is null)
            Exit(1);
        else if (follower.Lines.Length == 0)
            _follower = follower;
        else
            Run(_server.Kernel.RunLine(_shell, follower.Lines, this), follower);
    }

    private void Map(string path, string offset, string length, bool isWritable)
    {
        if (ulong.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out ulong at)
            && int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out int bytes) && bytes is > 0 and <= HostMapping.Longest)
        {
            Run(_server.Kernel.Map(new HostMapping(path, at, bytes, isWritable), this));
            return;
        }
        Write(2, Encoding.UTF8.GetBytes($"map: {path}: an offset, and a length of 1 to {HostMapping.Longest} bytes are needed, not {offset} and {length}\n"));
        Exit(1);
    }

    private void Answer(Task<string> text) => text.ContinueWith(
        answered =>
        {
            Write(1, Encoding.UTF8.GetBytes(answered.Result));
            Exit(0);
        },
        TaskScheduler.Default);

    /// <summary>A signal first, and what nobody can refuse for a process that has not gone after a while.</summary>
    private static void Stop(KernelRequest request, int signal)
    {
        request.Signal(signal);
        Task.Delay(s_patience).ContinueWith(
            _ =>
            {
                if (!request.Completion.IsCompleted)
                    request.End();
            },
            TaskScheduler.Default);
    }

    private void Send(Frame frame, SafeFileHandle? file = null)
    {
        Interlocked.Add(ref _pending, frame.Payload.Length);
        try
        {
            _frames.Add((frame, file));
        }
        catch (InvalidOperationException)
        {
            file?.Dispose(); // The connection is closing: nobody will read it.
        }
    }

    private void WriteFrames()
    {
        try
        {
            foreach ((Frame frame, SafeFileHandle? file) in _frames.GetConsumingEnumerable())
            {
                using (file)
                {
                    byte[] bytes = frame.ToBytes();
                    int sent = file is null ? 0 : DescriptorPassing.Send(_socket, bytes, file);
                    _stream.Write(bytes, sent, bytes.Length - sent);
                }
                bool wasFull = IsFull;
                Interlocked.Add(ref _pending, -frame.Payload.Length);
                if (wasFull && !IsFull)
                    _request?.WakeUp();
            }
        }
        catch (IOException)
        {
            _isGone = true;
            _request?.WakeUp();
        }
    }
}
