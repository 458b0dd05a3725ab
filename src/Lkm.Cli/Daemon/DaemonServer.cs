using System.Collections.Concurrent;
using System.Net.Sockets;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Daemon;

/// <summary>Serves the clients of one kernel, each on a thread of its own, until one of them halts it.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="identity">Which kernel that is.</param>
/// <param name="listener">Where clients come from.</param>
internal sealed class DaemonServer(ResidentKernel kernel, KernelIdentity identity, Socket listener)
{
    private readonly ConcurrentDictionary<ClientConnection, bool> _connections = [];
    private volatile bool _isHalted;

    /// <summary>The kernel.</summary>
    public ResidentKernel Kernel => kernel;

    /// <summary>Which kernel it is.</summary>
    public KernelIdentity Identity => identity;

    /// <summary>Serves until the kernel is halted; then it is gone.</summary>
    public void Run()
    {
        while (!_isHalted)
        {
            Socket socket;
            try
            {
                socket = listener.Accept();
            }
            catch (SocketException)
            {
                continue; // halted, or the client has gone again
            }
            if (DaemonHost.PeerOf(socket) is var user && user != DaemonHost.User && user != 0)
            {
                socket.Dispose();
                continue;
            }
            var connection = new ClientConnection(this, socket);
            _connections[connection] = true;
            new Thread(() =>
            {
                connection.Serve();
                _connections.TryRemove(connection, out _);
            })
            { IsBackground = true, Name = "lkm-client" }.Start();
        }
        kernel.Dispose();
        foreach (ClientConnection connection in _connections.Keys)
            connection.Drain();
    }

    /// <summary>Ends <see cref="Run"/>.</summary>
    public void Halt()
    {
        _isHalted = true;
        listener.Dispose();
    }
}
