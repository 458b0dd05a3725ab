using Lkm.Formats;

namespace Lkm.RealLinux;

/// <summary>What insmod, rmmod and modprobe print when they fail, which is all that tells the errno.</summary>
public static class KmodMessage
{
    /// <summary>The errno of a command that ran one of them last.</summary>
    /// <returns>OK when it ended with 0; EBUSY for a module in use and ENOENT for one that is not loaded, which kmod finds before it asks the kernel; EINTR when the kernel ended the process inside its system call; EIO for a message that is none of kmod's.</returns>
    public static Errno ErrnoOf(GuestResult result)
    {
        const int killed = 128 + 9, segmentationFault = 128 + 11; // what make_task_dead() ends a process with whose system call went wrong
        if (result.Status == 0)
            return Errno.OK;
        if (result.Status is killed or segmentationFault)
            return Errno.EINTR;
        string text = result.Output.TrimEnd();
        string message = text[(text.LastIndexOf(": ", StringComparison.Ordinal) + 2)..];
        if (text.Contains(" is in use", StringComparison.Ordinal))
            return Errno.EBUSY;
        if (text.EndsWith(" is not currently loaded", StringComparison.Ordinal))
            return Errno.ENOENT;
        // strerror's text, but for four errors kmod's own (tools/insmod.c, mod_strerror), of which modprobe words one otherwise.
        return message switch
        {
            "Invalid module format" or "Exec format error" => Errno.ENOEXEC,
            "Unknown symbol in module" or "Unknown symbol in module, or unknown parameter (see dmesg)" => Errno.ENOENT,
            "Module has wrong symbol version" => Errno.ESRCH,
            "Invalid parameters" => Errno.EINVAL,
            _ => Enum.GetValues<Errno>().FirstOrDefault(errno => errno.Message() == message, Errno.EIO),
        };
    }
}
