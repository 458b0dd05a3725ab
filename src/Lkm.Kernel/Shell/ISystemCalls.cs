using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell;

/// <summary>
/// What the shell knows of the process that it runs in: system calls, and user memory to pass them things by. The guest's processes
/// are one (<see cref="Processes.UserProcess"/>); whatever else answers system calls as Linux does can be another.
/// </summary>
public interface ISystemCalls
{
    /// <summary>The user address of a buffer for arguments and results.</summary>
    ulong Buffer { get; }

    /// <summary>The buffer's size in bytes.</summary>
    int BufferLength { get; }

    /// <summary>Sets the process's name (comm); what is behind 15 bytes is cut off.</summary>
    void SetName(string name);

    /// <summary>Makes a system call.</summary>
    /// <param name="name">Its name as in the kernel's entry point, __x64_sys_NAME.</param>
    /// <param name="a0">The first argument.</param>
    /// <param name="a1">The second argument.</param>
    /// <param name="a2">The third argument.</param>
    /// <param name="a3">The fourth argument.</param>
    /// <param name="a4">The fifth argument.</param>
    /// <param name="a5">The sixth argument.</param>
    /// <returns>Its result, or a negative errno; -ENOSYS where the kernel has no such call.</returns>
    GuestTask<long> SystemCall(
        string name, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0);

    /// <summary>Puts bytes into the buffer, behind what was put there since the last system call.</summary>
    /// <returns>Their user address, a multiple of 16 from the buffer's start.</returns>
    /// <exception cref="ArgumentException">The buffer is full.</exception>
    GuestTask<ulong> Put(ReadOnlyMemory<byte> bytes);

    /// <summary>Reads user memory.</summary>
    /// <returns>The bytes; null when a page of them cannot be read (the process would get SIGSEGV or SIGBUS).</returns>
    GuestTask<byte[]?> TryRead(ulong address, int length);

    /// <summary>Writes user memory.</summary>
    /// <returns>False when a page cannot be written (the process would get SIGSEGV or SIGBUS).</returns>
    GuestTask<bool> TryWrite(ulong address, ReadOnlyMemory<byte> bytes);
}
