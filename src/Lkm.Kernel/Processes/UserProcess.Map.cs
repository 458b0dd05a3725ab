using Lkm.Formats;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Processes;

/// <content>Files in memory.</content>
public sealed partial class UserProcess
{
    private const ulong ReadAccess = 1, WriteAccess = 2, SharedMapping = 1; // PROT_READ, PROT_WRITE, MAP_SHARED

    /// <summary>
    /// Maps a file or a device as mmap(2) with MAP_SHARED does and makes its pages present, by the faults that a process would take. What
    /// comes back are those very pages: no byte is copied, and what either side writes the other sees.
    /// </summary>
    /// <param name="descriptor">An open file.</param>
    /// <param name="offset">Where in the file; page aligned.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="writable">Whether to map for writing as well.</param>
    /// <returns>The mapping, or mmap's error; EFAULT when a page of it cannot be touched (the process would get SIGBUS).</returns>
    public async GuestTask<Result<UserMapping>> Map(int descriptor, ulong offset, int length, bool writable)
    {
        var protection = writable ? ReadAccess | WriteAccess : ReadAccess;
        var address = await SystemCall("mmap", 0, (ulong)length, protection, SharedMapping, (ulong)descriptor, offset);
        if (ErrnoText.TryFromReturnValue(address, out var error))
            return Refused(error);
        var pages = new ulong[(length + (int)AddressSpace.PageSize - 1) >> AddressSpace.PageShift];
        for (var i = 0; i < pages.Length; i++)
        {
            var at = (ulong)address + ((ulong)i << AddressSpace.PageShift);
            var touched = await TryRead(at, 1);
            if (touched is null || (writable && !await TryWrite(at, touched)) || _pageTables.Find(Root, at) is not { } physical)
            {
                await SystemCall("munmap", (ulong)address, (ulong)length);
                return Refused(Errno.EFAULT);
            }

            pages[i] = physical;
        }

        return new UserMapping(_memory, (ulong)address, length, pages);

        FormatError Refused(Errno errno) => new("mmap", (long)offset, errno.Message(), errno);
    }

    /// <summary>Unmaps what <see cref="Map"/> mapped.</summary>
    /// <returns>0 or a negative errno.</returns>
    public GuestTask<long> Unmap(UserMapping mapping) => SystemCall("munmap", mapping.Address, (ulong)mapping.Length);

    private ulong Root => _memory.ReadUInt64(_kernel.Tasks.Mm(_task) + _mmPgd);
}
