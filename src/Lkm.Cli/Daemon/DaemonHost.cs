using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lkm.Cli.Daemon;

/// <summary>What a daemon needs of the host beyond the class library.</summary>
internal static class DaemonHost
{
    private const string Library = "libc";

    /// <summary>The user that this process acts as.</summary>
    public static uint User => GetEffectiveUser();

    /// <summary>The user at the other end of a Unix socket, as the kernel noted it when they connected (SO_PEERCRED).</summary>
    public static uint PeerOf(Socket socket)
    {
        const int solSocket = 1, peerCredentials = 17; // struct ucred: pid, uid, gid
        Span<byte> credentials = stackalloc byte[12];
        socket.GetRawSocketOption(solSocket, peerCredentials, credentials);
        return BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]);
    }

    /// <summary>Leaves the terminal's session, so that closing it does not end this process.</summary>
    public static void LeaveSession() => _ = SetSession();

    /// <summary>Lets go of the terminal: nothing to read, and what is written goes to a file.</summary>
    /// <param name="log">The file.</param>
    public static void LeaveTerminal(string log)
    {
        using var nothing = new FileStream("/dev/null", FileMode.Open, FileAccess.Read);
        using var file = new FileStream(log, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        _ = Duplicate((int)nothing.SafeFileHandle.DangerousGetHandle(), 0);
        _ = Duplicate((int)file.SafeFileHandle.DangerousGetHandle(), 1);
        _ = Duplicate((int)file.SafeFileHandle.DangerousGetHandle(), 2);
    }

    [DllImport(Library, EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint GetEffectiveUser();

    [DllImport(Library, EntryPoint = "setsid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetSession();

    [DllImport(Library, EntryPoint = "dup2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Duplicate(int descriptor, int place);
}
