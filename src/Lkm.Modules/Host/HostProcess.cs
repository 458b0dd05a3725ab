using System.Runtime.InteropServices;
using Lkm.Formats;

namespace Lkm.Modules.Host;

/// <summary>What the tools need of the host besides files: its standard streams, its shell and its logs, without .NET's far larger ways to them.</summary>
public static class HostProcess
{
    private const int Interrupted = 4; // EINTR
    private const int LogDaemon = 3 << 3;
    private const int LogConsole = 2;
    private const int ReadAllOfLog = 3; // SYSLOG_ACTION_READ_ALL of syslog(2)

    /// <summary>
    /// <c>argv[0]</c> as the C library keeps it: .NET's own answer is the path of an assembly, with links resolved. Null where the C library has
    /// no such variable.
    /// </summary>
    public static string? ProgramName
    {
        get
        {
            if (!NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "program_invocation_name", out var variable))
            {
                return null;
            }
            var text = Marshal.ReadIntPtr(variable);
            var length = 0;
            while (Marshal.ReadByte(text, length) != 0)
            {
                length++;
            }
            var bytes = new byte[length];
            for (var i = 0; i < length; i++)
            {
                bytes[i] = Marshal.ReadByte(text, i);
            }
            return LosslessText.Decode(bytes);
        }
    }

    /// <summary>Writes to a file descriptor, at the place where whoever shares it wrote last.</summary>
    /// <returns>False if not all could be written.</returns>
    public static bool Write(int file, byte[] bytes, int count)
    {
        using var pinned = new Pinned(bytes);
        for (nint written = 0; written < count;)
        {
            var result = LibC.Write(file, pinned.Address + written, count - written);
            if (result < 0 && Marshal.GetLastSystemError() != Interrupted)
            {
                return false;
            }
            written += Math.Max(result, 0);
        }
        return true;
    }

    /// <summary>A file's bytes, or null and why; sooner than by .NET's own way, which begins with reflection.</summary>
    public static byte[]? ReadFile(string path, out Errno error) => SmallFile.TryRead(path, out error);

    /// <summary>Sets an environment variable for the programs that this one runs.</summary>
    public static void SetVariable(string name, string value)
    {
        using var pinnedName = new Pinned(name);
        using var pinnedValue = new Pinned(value);
        LibC.SetVariable(pinnedName.Address, pinnedValue.Address, 1);
    }

    /// <summary>Runs a command line by system(3) and waits for it.</summary>
    /// <returns>The exit status; 127 if there is no shell; 128 and the signal's number if a signal ended it.</returns>
    public static int Run(string command)
    {
        using var line = new Pinned(command);
        var status = LibC.Shell(line.Address);
        return status == -1 ? 127 : (status & 0x7F) != 0 ? 128 + (status & 0x7F) : (status >> 8) & 0xFF;
    }

    /// <summary>Begins to write to the system's log (LOG_DAEMON, also on the console if there is no log).</summary>
    public static void OpenSystemLog(string program) =>
        // The C library keeps the pointer: the program's name stays allocated for as long as the process runs.
        LibC.OpenLog(Marshal.StringToCoTaskMemUTF8(program), LogConsole, LogDaemon);

    /// <summary>Writes a message to the system's log.</summary>
    /// <param name="priority">syslog(3)'s number, from 0, the most urgent, to 7.</param>
    /// <param name="text">The message.</param>
    public static void WriteSystemLog(int priority, string text)
    {
        using var format = new Pinned("%s");
        using var message = new Pinned(text);
        LibC.SystemLog(priority, format.Address, message.Address);
    }

    /// <summary>The last line of the kernel's log, without its stamp; null if the log can't be read.</summary>
    public static string? LastKernelMessage()
    {
        var buffer = new byte[8192];
        using var pinned = new Pinned(buffer);
        var length = LibC.KernelLog(ReadAllOfLog, pinned.Address, buffer.Length);
        if (length <= 0)
        {
            return null;
        }
        var text = LosslessText.Decode(buffer.AsSpan(0, length)).TrimEnd('\n');
        var line = text[(text.LastIndexOf('\n') + 1)..];
        var stamp = line.IndexOf("] ", StringComparison.Ordinal);
        return stamp < 0 ? line : line[(stamp + 2)..];
    }
}
