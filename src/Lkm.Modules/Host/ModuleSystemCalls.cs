using System.Runtime.InteropServices;
using Lkm.Formats;

namespace Lkm.Modules.Host;

/// <summary>What the kernel may pass over when it loads a module, as finit_module(2) numbers it (include/uapi/linux/module.h).</summary>
[Flags]
public enum InsertFlags
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>MODULE_INIT_IGNORE_MODVERSIONS: versions of symbols.</summary>
    IgnoreModuleVersions = 1,

    /// <summary>MODULE_INIT_IGNORE_VERMAGIC: the kernel version that the module was built for.</summary>
    IgnoreVersionMagic = 2,

    /// <summary>MODULE_INIT_COMPRESSED_FILE: the file is compressed, and the kernel unpacks it.</summary>
    CompressedFile = 4,
}

/// <summary>How delete_module(2) behaves: open(2)'s flags of the same names.</summary>
[Flags]
public enum RemoveFlags
{
    /// <summary>O_NONBLOCK: a module in use is an error (EWOULDBLOCK) at once.</summary>
    NonBlocking = 0x800,

    /// <summary>O_TRUNC: a module in use is removed nevertheless, if the kernel was built to allow it.</summary>
    Force = 0x200,
}

/// <summary>The three system calls of modules; a result of <see cref="Errno.OK"/> is success.</summary>
public interface IModuleSystemCalls
{
    /// <summary>init_module(2).</summary>
    Errno InitModule(ReadOnlyMemory<byte> image, string parameters);

    /// <summary>finit_module(2) of an open file's descriptor.</summary>
    Errno FinitModule(int file, string parameters, InsertFlags flags);

    /// <summary>delete_module(2).</summary>
    Errno DeleteModule(string name, RemoveFlags flags);
}

/// <summary>The system calls of the kernel that this process runs on. They need CAP_SYS_MODULE; without it they answer EPERM.</summary>
public sealed class HostSystemCalls : IModuleSystemCalls
{
    /// <inheritdoc/>
    public Errno InitModule(ReadOnlyMemory<byte> image, string parameters)
    {
        var bytes = MemoryMarshal.TryGetArray(image, out var segment) && segment.Offset == 0 ? segment.Array! : image.ToArray();
        using var pinned = new Pinned(bytes);
        using var text = new Pinned(parameters);
        return Result(LibC.SystemCall(Number(x64: 175, x86: 128, generic: 105), pinned.Address, image.Length, text.Address));
    }

    /// <inheritdoc/>
    public Errno FinitModule(int file, string parameters, InsertFlags flags)
    {
        using var text = new Pinned(parameters);
        return Result(LibC.SystemCall(Number(x64: 313, x86: 350, generic: 273), file, text.Address, (nint)flags));
    }

    /// <inheritdoc/>
    public Errno DeleteModule(string name, RemoveFlags flags)
    {
        using var text = new Pinned(name);
        return Result(LibC.SystemCall(Number(x64: 176, x86: 129, generic: 106), text.Address, (nint)flags, 0));
    }

    /// <summary>The call's number: x86 has tables of its own, later architectures share one.</summary>
    private static nint Number(nint x64, nint x86, nint generic) => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => x64,
        Architecture.X86 => x86,
        _ => generic,
    };

    private static Errno Result(nint value) => value == 0 ? Errno.OK : (Errno)Marshal.GetLastSystemError();
}
