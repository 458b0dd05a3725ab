using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lkm.Cli.Daemon;

/// <summary>Open files passed to another process over a Unix socket (unix(7), SCM_RIGHTS), which the class library cannot do.</summary>
internal static class DescriptorPassing
{
    private const string Library = "libc";
    private const int SolSocket = 1, ScmRights = 1, NoSignal = 0x4000; // SOL_SOCKET, SCM_RIGHTS, MSG_NOSIGNAL
    private const int Interrupted = 4; // EINTR

    /// <summary>Opens the file behind a descriptor once more, so that the receiver gets no more access than it asked for.</summary>
    public static SafeFileHandle Reopen(int descriptor, bool writable) => File.OpenHandle(
        $"/proc/self/fd/{descriptor}", FileMode.Open, writable ? FileAccess.ReadWrite : FileAccess.Read, FileShare.ReadWrite);

    /// <summary>Sends bytes, with an open file riding on the first of them.</summary>
    /// <returns>How many bytes were sent; at least one.</returns>
    /// <exception cref="IOException">The socket is broken.</exception>
    public static int Send(Socket socket, byte[] bytes, SafeFileHandle file)
    {
        var rights = new Rights { Length = Marshal.SizeOf<Rights>() - Rights.Padding, Level = SolSocket, Type = ScmRights, Descriptor = (int)file.DangerousGetHandle() };
        GCHandle pinned = GCHandle.Alloc(bytes, GCHandleType.Pinned);
        nint memory = Marshal.AllocHGlobal(Marshal.SizeOf<Piece>() + Marshal.SizeOf<Rights>());
        try
        {
            Marshal.StructureToPtr(new Piece { Start = pinned.AddrOfPinnedObject(), Length = bytes.Length }, memory, fDeleteOld: false);
            nint control = memory + Marshal.SizeOf<Piece>();
            Marshal.StructureToPtr(rights, control, fDeleteOld: false);
            var message = new Message { Pieces = memory, PieceCount = 1, Control = control, ControlLength = Marshal.SizeOf<Rights>() };
            nint sent;
            do
            {
                sent = SendMessage((int)socket.Handle, ref message, NoSignal);
            }
            while (sent < 0 && Marshal.GetLastSystemError() == Interrupted);
            return sent > 0 ? (int)sent : throw new IOException($"sendmsg failed with error {Marshal.GetLastSystemError()}");
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
            pinned.Free();
            GC.KeepAlive(file);
        }
    }

    [DllImport(Library, EntryPoint = "sendmsg")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint SendMessage(int socket, ref Message message, int flags);

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Piece
    {
        public nint Start, Length;
    }

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public nint Name;
        public int NameLength;
        public nint Pieces, PieceCount, Control, ControlLength;
        public int Flags;
    }

    /// <summary>struct cmsghdr with one descriptor; the size is CMSG_SPACE(), cmsg_len is CMSG_LEN().</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Rights
    {
        public const int Padding = sizeof(int);

        public nint Length;
        public int Level, Type, Descriptor, Unused;
    }
}
