using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Sessions;

/// <summary>Which part of a guest's file a program of the host maps.</summary>
/// <param name="Path">A file or device of the guest, absolute.</param>
/// <param name="Offset">Where in the file, in bytes; page aligned.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsWritable">Whether the program may write.</param>
public sealed record HostMapping(string Path, ulong Offset, int Length, bool IsWritable)
{
    /// <summary>The longest mapping, in bytes: its pieces fit one message however its pages lie.</summary>
    public const int Longest = 128 << 20;

    /// <summary>
    /// What the guest's process does for that program: it opens and maps the file as any process would, makes the pages present, gives them
    /// to the client, and keeps them until the client's input ends. So the module sees an ordinary mapping with an ordinary end.
    /// </summary>
    internal async GuestTask<int> Hold(UserProcess process, StandardStreams streams, IRequestClient client)
    {
        const int longestPath = 4095; // PATH_MAX, with the NUL behind it
        if (Encoding.UTF8.GetByteCount(Path) > longestPath)
            return await Fail($"can't open '{Path[..32]}...': {Errno.ENAMETOOLONG.Message()}");
        var flags = IsWritable ? OpenFlags.ReadWrite : OpenFlags.ReadOnly;
        var descriptor = await process.SystemCall("open", await process.Put(Path), (ulong)flags);
        if (ErrnoText.TryFromReturnValue(descriptor, out var refused))
            return await Fail($"can't open '{Path}': {refused.Message()}");
        if (!(await process.Map((int)descriptor, Offset, Length, IsWritable)).TryGet(out var mapping, out var error))
            return await Fail($"{Path}: {error.Reason}");
        var (file, pieces) = mapping.ShareWithHost();
        client.Share(file, pieces, IsWritable);
        const int some = 4096;
        while (!(await streams.Input.Read(some)).IsEnd)
        {
            // what a client says while it holds memory means nothing; its end does
        }

        await process.Unmap(mapping);
        return 0;

        async GuestTask<int> Fail(string message)
        {
            await streams.Errors.Write(Encoding.UTF8.GetBytes($"map: {message}\n"));
            return 1;
        }
    }
}
