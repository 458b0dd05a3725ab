using System.Runtime.InteropServices;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Tests.Shell;

/// <summary>
/// The machine's own Linux as the kernel that the shell's commands call, so that they are tested against the real thing without booting
/// one. Numbers are x86-64's.
/// </summary>
internal sealed class HostSystemCalls : ISystemCalls, IDisposable
{
    private static readonly Dictionary<string, long> Numbers = new()
    {
        ["read"] = 0,
        ["write"] = 1,
        ["close"] = 3,
        ["poll"] = 7,
        ["lseek"] = 8,
        ["mmap"] = 9,
        ["munmap"] = 11,
        ["ioctl"] = 16,
        ["access"] = 21,
        ["nanosleep"] = 35,
        ["getpid"] = 39,
        ["getppid"] = 110,
        ["kill"] = 62,
        ["newuname"] = 63,
        ["fsync"] = 74,
        ["ftruncate"] = 77,
        ["getcwd"] = 79,
        ["rename"] = 82,
        ["mkdir"] = 83,
        ["rmdir"] = 84,
        ["link"] = 86,
        ["unlink"] = 87,
        ["symlink"] = 88,
        ["readlink"] = 89,
        ["chmod"] = 90,
        ["getuid"] = 102,
        ["getgid"] = 104,
        ["mknod"] = 133,
        ["getdents64"] = 217,
        ["clock_gettime"] = 228,
        ["openat"] = 257,
        ["newfstatat"] = 262,
        ["utimensat"] = 280,
        ["getrandom"] = 318,
        ["statfs"] = 137,
    };

    private readonly nint _buffer = Marshal.AllocHGlobal(BufferSize);
    private int _used;

    private const int BufferSize = 64 * 1024;

    public ulong Buffer => (ulong)_buffer;

    public int BufferLength => BufferSize;

    /// <summary>The name that each system call was made in, in order, without repetitions.</summary>
    public List<string> Names { get; } = [];

    public void SetName(string name)
    {
        if (Names.Count == 0 || Names[^1] != name)
            Names.Add(name);
    }

    public GuestTask<long> SystemCall(
        string name, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0)
    {
        _used = 0;
        if (!Numbers.TryGetValue(name, out var number))
            throw new InvalidOperationException($"the tests do not know the number of {name}");
        var result = Syscall(number, a0, a1, a2, a3, a4, a5);
        return GuestTask<long>.FromResult(result == -1 ? -Marshal.GetLastPInvokeError() : result);
    }

    public async GuestTask<ulong> Put(ReadOnlyMemory<byte> bytes)
    {
        var address = Buffer + (ulong)_used;
        _used = (_used + bytes.Length + 15) & ~15;
        if (_used > BufferSize)
            throw new ArgumentException("the buffer is full");
        await TryWrite(address, bytes);
        return address;
    }

    public GuestTask<byte[]?> TryRead(ulong address, int length)
    {
        var bytes = new byte[length];
        Marshal.Copy((nint)address, bytes, 0, length);
        return GuestTask<byte[]?>.FromResult(bytes);
    }

    public GuestTask<bool> TryWrite(ulong address, ReadOnlyMemory<byte> bytes)
    {
        Marshal.Copy(bytes.ToArray(), 0, (nint)address, bytes.Length);
        return GuestTask<bool>.FromResult(true);
    }

    public void Dispose() => Marshal.FreeHGlobal(_buffer);

    [DllImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static extern long Syscall(long number, ulong a0, ulong a1, ulong a2, ulong a3, ulong a4, ulong a5);
}
