using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Calls whose arguments are plain words need no marshalling code made at run time: the tools start in milliseconds because of that.
[assembly: DisableRuntimeMarshalling]

namespace Lkm.Modules.Host;

/// <summary>Functions of the C library, all with plain words as arguments.</summary>
internal static class LibC
{
    private const string Library = "libc.so.6";

    [DllImport(Library, EntryPoint = "syscall")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint SystemCall(nint number, nint first, nint second, nint third);

    [DllImport(Library, EntryPoint = "write")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Write(int file, nint bytes, nint count);

    [DllImport(Library, EntryPoint = "open")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Open(nint path, int flags, int mode);

    [DllImport(Library, EntryPoint = "read")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Read(int file, nint bytes, nint count);

    [DllImport(Library, EntryPoint = "pread64")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint ReadAt(int file, nint bytes, nint count, long offset);

    [DllImport(Library, EntryPoint = "lseek")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Seek(int file, nint offset, int from);

    [DllImport(Library, EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Close(int file);

    [DllImport(Library, EntryPoint = "uname")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Uname(nint names);

    [DllImport(Library, EntryPoint = "setenv")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SetVariable(nint name, nint value, int overwrite);

    [DllImport(Library, EntryPoint = "system")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Shell(nint command);

    [DllImport(Library, EntryPoint = "klogctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int KernelLog(int action, nint buffer, int length);

    [DllImport(Library, EntryPoint = "openlog")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern void OpenLog(nint program, int options, int facility);

    [DllImport(Library, EntryPoint = "syslog")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern void SystemLog(int priority, nint format, nint text);
}

/// <summary>Bytes that stay where they are while a function outside .NET uses them.</summary>
internal readonly struct Pinned : IDisposable
{
    private readonly GCHandle _handle;

    public Pinned(byte[] bytes) => _handle = GCHandle.Alloc(bytes, GCHandleType.Pinned);

    /// <summary>A C string.</summary>
    public Pinned(string text)
        : this([.. LosslessText.Encode(text), 0])
    {
    }

    public nint Address => _handle.AddrOfPinnedObject();

    public void Dispose() => _handle.Free();
}
