using System.Net.Sockets;
using System.Text;
using Lkm.Distribution;

namespace Lkm.Cli.Daemon;

/// <summary>Where the daemon of a kernel name is found: a folder of the user's own, with a socket, a lock and a log for each name.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Name">The kernel's name.</param>
internal sealed record DaemonPlace(string Folder, string Name)
{
    /// <summary>The name of a kernel that was given none.</summary>
    public const string DefaultName = "default";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int LongestName = 40;

    /// <summary>The socket.</summary>
    public string Socket => Path.Combine(Folder, $"{Name}.sock");

    /// <summary>The lock, which the daemon holds as long as it lives.</summary>
    public string LockFile => Path.Combine(Folder, $"{Name}.lock");

    /// <summary>What the daemon had to say after it left the terminal: nothing, unless lkm itself broke.</summary>
    public string Log => Path.Combine(Folder, $"{Name}.log");

    /// <summary>The place for a name, in <c>$XDG_RUNTIME_DIR/lkm</c>; without that variable in /run/lkm for root, /tmp/lkm-UID for others.</summary>
    public static Outcome<DaemonPlace> Of(string? name)
    {
        name ??= DefaultName;
        if (name.Length is 0 or > LongestName || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') || name[0] == '.')
            return Outcome<DaemonPlace>.Failure($"'{name}' cannot be a kernel's name: use at most {LongestName} letters, digits, '-', '_' and '.'");
        var place = new DaemonPlace(UsersFolder, name);
        const int longestAddress = 107; // sockaddr_un.sun_path
        return Encoding.UTF8.GetByteCount(place.Socket) <= longestAddress
            ? place
            : Outcome<DaemonPlace>.Failure($"{place.Socket}: too long for a socket; set XDG_RUNTIME_DIR to a shorter path");
    }

    /// <summary>The names that have a socket.</summary>
    public static IReadOnlyList<string> Names()
    {
        if (!Directory.Exists(UsersFolder))
            return [];
        return [.. Directory.GetFiles(UsersFolder, "*.sock").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Makes the folder, for nobody else to enter.</summary>
    /// <returns>Null, or what is wrong with the folder.</returns>
    public string? MakeFolder()
    {
        try
        {
            Directory.CreateDirectory(Folder, OwnerOnly);
            if (new DirectoryInfo(Folder).LinkTarget is { } target)
                return $"{Folder} is a link to {target}; remove it";
            File.SetUnixFileMode(Folder, OwnerOnly); // only its owner may: what somebody else prepared is refused here
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{Folder}: {e.Message}";
        }
    }

    /// <summary>Takes the lock of this name until disposed, or until this process ends however it does.</summary>
    /// <returns>Null when another process holds it.</returns>
    public IDisposable? TryLock()
    {
        try
        {
            return new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Connects to the daemon.</summary>
    /// <returns>Null when there is none; what a killed one left behind is in the way of nobody.</returns>
    public Socket? Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(Socket));
            if (DaemonHost.PeerOf(socket) == DaemonHost.User)
                return socket;
        }
        catch (SocketException)
        {
            // no socket, or nobody who listens at it
        }
        socket.Dispose();
        return null;
    }

    /// <summary>Listens for clients; the lock is held.</summary>
    public Socket Listen()
    {
        File.Delete(Socket);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Socket));
        File.SetUnixFileMode(Socket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        const int waiting = 16;
        socket.Listen(waiting);
        return socket;
    }

    private static string UsersFolder
    {
        get
        {
            if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime)
                return Path.Combine(runtime, "lkm");
            return DaemonHost.User == 0 ? "/run/lkm" : $"/tmp/lkm-{DaemonHost.User}";
        }
    }
}
