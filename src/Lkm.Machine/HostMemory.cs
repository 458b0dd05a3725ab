using System.Runtime.InteropServices;

namespace Lkm.Machine;

/// <summary>The host's memory system calls, as <c>man 2 mmap</c> names them.</summary>
internal static unsafe class HostMemory
{
    internal const int ProtNone = 0, ProtRead = 1, ProtWrite = 2;
    internal const int MapShared = 1, MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    internal const int AdviceDontNeed = 4, AdviceNoHugePage = 15;
    internal const ulong PageSize = 4096;

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static extern nint NativeMap(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [DllImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static extern int NativeUnmap(nint address, nuint length);

    [DllImport("libc", EntryPoint = "madvise", SetLastError = true)]
    internal static extern int Advise(nint address, nuint length, int advice);

    [DllImport("libc", EntryPoint = "memfd_create", SetLastError = true)]
    internal static extern int CreateMemoryFile(byte[] name, uint flags);

    [DllImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static extern int Truncate(int descriptor, long length);

    [DllImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static extern long Seek(int descriptor, long offset, int whence);

    [DllImport("libc", EntryPoint = "close")]
    internal static extern int Close(int descriptor);

    /// <summary>Reserves zeroed memory that costs nothing until it is touched.</summary>
    internal static byte* Reserve(ulong length)
    {
        var at = Map(null, length, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        Advise((nint)at, (nuint)length, AdviceNoHugePage); // sparse use: a huge page per touched byte is waste
        return at;
    }

    /// <summary>Maps readable and writable memory; throws what the host says if it cannot.</summary>
    internal static byte* Map(byte* address, ulong length, int flags, int descriptor, long offset)
    {
        var at = NativeMap((nint)address, (nuint)length, ProtRead | ProtWrite, flags, descriptor, (nint)offset);
        if (at == -1)
            throw new IOException($"mmap of {length} bytes: {Marshal.GetLastPInvokeErrorMessage()}");
        return (byte*)at;
    }

    internal static void Unmap(byte* address, ulong length) => NativeUnmap((nint)address, (nuint)length);
}
