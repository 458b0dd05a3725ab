using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

[assembly: DisableRuntimeMarshalling] // calls of the host need no stubs made at run time

namespace Lkm.Machine;

/// <summary>The host's memory system calls, as <c>man 2 mmap</c> names them.</summary>
internal static unsafe class HostMemory
{
    internal const int ProtNone = 0, ProtRead = 1, ProtWrite = 2;
    internal const int MapShared = 1, MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    internal const int AdviceDontNeed = 4, AdviceNoHugePage = 15, AdvicePopulateWrite = 23;
    internal const ulong PageSize = 4096;
    private const string Library = "libc.so.6"; // its exact name: a bare "libc" is first tried as four others

    [DllImport(Library, EntryPoint = "mmap")]
    private static extern nint NativeMap(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [DllImport(Library, EntryPoint = "munmap")]
    private static extern int NativeUnmap(nint address, nuint length);

    [DllImport(Library, EntryPoint = "madvise")]
    internal static extern int Advise(nint address, nuint length, int advice);

    [DllImport(Library, EntryPoint = "memfd_create")]
    private static extern int NativeCreateMemoryFile(byte* name, uint flags);

    [DllImport(Library, EntryPoint = "ftruncate")]
    internal static extern int Truncate(int descriptor, long length);

    [DllImport(Library, EntryPoint = "lseek")]
    internal static extern long Seek(int descriptor, long offset, int whence);

    [DllImport(Library, EntryPoint = "memset")]
    private static extern byte* NativeSet(byte* address, int value, nuint length);

    [DllImport(Library, EntryPoint = "ioctl")]
    internal static extern int Control(int descriptor, nuint command, void* argument);

    [DllImport(Library, EntryPoint = "close")]
    internal static extern int Close(int descriptor);

    [DllImport(Library, EntryPoint = "flock")]
    private static extern int NativeLock(int descriptor, int operation);

    /// <summary>Tells other programs, for as long as the file is open here, that it is in use (flock(2), LOCK_SH); waits while one is removing it.</summary>
    internal static void LockShared(SafeFileHandle file)
    {
        const int shared = 1;
        NativeLock((int)file.DangerousGetHandle(), shared);
    }

    [DllImport(Library, EntryPoint = "open")]
    private static extern int NativeOpen(byte* path, int flags);

    /// <summary>Opens a file for reading. .NET's own way begins with reflection, which is compiled at run time.</summary>
    internal static SafeFileHandle Open(string path)
    {
        const int closeOnExec = 0x80000; // O_CLOEXEC
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var descriptor = NativeOpen(name, closeOnExec);
            return descriptor >= 0
                ? new SafeFileHandle(descriptor, ownsHandle: true)
                : throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastSystemError())}");
        }
    }

    /// <summary>Reserves zeroed memory that costs nothing until it is touched.</summary>
    internal static byte* Reserve(ulong length)
    {
        var at = Map(null, length, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        Advise((nint)at, (nuint)length, AdviceNoHugePage); // sparse use: a huge page per touched byte is waste
        return at;
    }

    /// <summary>
    /// Makes pages ready to be written, all in one go: a fraction of what a fault for each takes. Only advice: a host older than Linux 5.14 does nothing.
    /// </summary>
    internal static void Populate(byte* address, ulong length)
    {
        var offset = (ulong)address & (PageSize - 1);
        Advise((nint)(address - offset), (nuint)(length + offset), AdvicePopulateWrite);
    }

    /// <summary>Maps readable and writable memory; throws what the host says if it cannot.</summary>
    internal static byte* Map(byte* address, ulong length, int flags, int descriptor, long offset)
    {
        var at = NativeMap((nint)address, (nuint)length, ProtRead | ProtWrite, flags, descriptor, (nint)offset);
        if (at == -1)
            throw new IOException($"mmap of {length} bytes: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastSystemError())}");
        return (byte*)at;
    }

    internal static void Unmap(byte* address, ulong length) => NativeUnmap((nint)address, (nuint)length);

    /// <summary>memset(3). .NET's own way, with vectors of the host's size, is compiled at run time.</summary>
    internal static void Set(byte* address, ulong length, byte value) => NativeSet(address, value, (nuint)length);

    internal static int CreateMemoryFile()
    {
        fixed (byte* name = "lkm-shared\0"u8)
            return NativeCreateMemoryFile(name, 0);
    }
}
