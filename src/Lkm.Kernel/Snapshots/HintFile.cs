using Lkm.Machine;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Kernel.Snapshots;

/// <summary>A file beside a snapshot that holds what its first short run found out, for the next to begin faster.</summary>
internal sealed class HintFile(string folder, string name)
{
    /// <summary>The code that each run executes, decoded (<see cref="CodeAhead"/>).</summary>
    public const string Code = "code";

    /// <summary>The pages that each run touches (<see cref="GuestMemory.MakeReady"/>).</summary>
    public const string Pages = "pages";

    private readonly string _path = Path.Combine(folder, name);

    /// <summary>The file's bytes, mapped; null where there is none yet.</summary>
    public ReadOnlyMemory<byte>? Open()
    {
        try
        {
            return HostFiles.IsFile(_path) ? MappedFile.Open(_path) : (ReadOnlyMemory<byte>?)null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Writes the file, at once and whole; where that cannot be done, the next start is as slow as this one was.</summary>
    public void Write(byte[] bytes)
    {
        try
        {
            AtomicFile.Write(_path, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }
}
