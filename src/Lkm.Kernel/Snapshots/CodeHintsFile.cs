using System.Runtime.InteropServices;
using Lkm.Machine;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Kernel.Snapshots;

/// <summary>
/// The file beside a snapshot that says what its runs decode first: two counts, then that many addresses of each kind, all of 8 bytes in the
/// machine's order. One that is damaged counts as none.
/// </summary>
internal sealed class CodeHintsFile(string folder)
{
    private const int MostAddresses = 1 << 16;

    private readonly string _path = Path.Combine(folder, "code");

    /// <summary>The hints, or null where there are none yet.</summary>
    public CodeHints? Read()
    {
        if (HostProcess.ReadFile(_path, out _) is not { } bytes || bytes.Length % sizeof(ulong) != 0)
            return null;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        if (words.Length < 2 || words.Length > MostAddresses || words[0] > MostAddresses || words[1] != (ulong)words.Length - 2 - words[0])
            return null;
        var starts = (int)words[0];
        return new CodeHints(words.Slice(2, starts).ToArray(), words[(2 + starts)..].ToArray());
    }

    /// <summary>Writes the hints, at once and whole; where that cannot be done, the next start is as slow as this one was.</summary>
    public void Write(CodeHints hints)
    {
        ulong[] words = [(ulong)hints.Starts.Length, (ulong)hints.Hooks.Length, .. hints.Starts, .. hints.Hooks];
        if (words.Length > MostAddresses)
            return;
        try
        {
            AtomicFile.Write(_path, MemoryMarshal.AsBytes(words.AsSpan()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }
}
