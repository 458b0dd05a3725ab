using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Calls whose arguments are plain words need no marshalling code made at run time: the tools start in milliseconds because of that.
[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Lkm.Modules.Host;

/// <summary>Functions of the C library, all with plain words as arguments.</summary>
internal static class LibC
{
    private const string Library = "libc.so.6";

    [DllImport(Library, EntryPoint = "syscall")]
    public static extern nint SystemCall(nint number, nint first, nint second, nint third);

    [DllImport(Library, EntryPoint = "write")]
    public static extern nint Write(int file, nint bytes, nint count);

    [DllImport(Library, EntryPoint = "open")]
    public static extern int Open(nint path, int flags, int mode);

    [DllImport(Library, EntryPoint = "read")]
    public static extern nint Read(int file, nint bytes, nint count);

    [DllImport(Library, EntryPoint = "pread64")]
    public static extern nint ReadAt(int file, nint bytes, nint count, long offset);

    [DllImport(Library, EntryPoint = "lseek")]
    public static extern nint Seek(int file, nint offset, int from);

    [DllImport(Library, EntryPoint = "close")]
    public static extern int Close(int file);

    [DllImport(Library, EntryPoint = "access")]
    public static extern int Access(nint path, int mode);

    [DllImport(Library, EntryPoint = "getdents64")]
    public static extern nint ReadDirectory(int file, nint entries, nint count);

    [DllImport(Library, EntryPoint = "statx")]
    public static extern int Status(int directory, nint path, int flags, uint mask, nint status);

    [DllImport(Library, EntryPoint = "uname")]
    public static extern int Uname(nint names);

    [DllImport(Library, EntryPoint = "setenv")]
    public static extern int SetVariable(nint name, nint value, int overwrite);

    [DllImport(Library, EntryPoint = "system")]
    public static extern int Shell(nint command);

    [DllImport(Library, EntryPoint = "klogctl")]
    public static extern int KernelLog(int action, nint buffer, int length);

    [DllImport(Library, EntryPoint = "openlog")]
    public static extern void OpenLog(nint program, int options, int facility);

    [DllImport(Library, EntryPoint = "syslog")]
    public static extern void SystemLog(int priority, nint format, nint text);
}

/// <summary>Bytes that stay where they are while a function outside .NET uses them.</summary>
internal readonly struct Pinned : IDisposable
{
    private readonly GCHandle _handle;

    public Pinned(byte[] bytes) => _handle = GCHandle.Alloc(bytes, GCHandleType.Pinned);

    /// <summary>A C string.</summary>
    public Pinned(string text)
        : this(LosslessText.Encode(text, terminated: true))
    {
    }

    public nint Address => _handle.AddrOfPinnedObject();

    public void Dispose() => _handle.Free();
}
