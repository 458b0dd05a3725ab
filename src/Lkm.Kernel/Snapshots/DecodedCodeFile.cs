using Lkm.Machine;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Kernel.Snapshots;

/// <summary>The file beside a snapshot that holds, decoded, the code that each of its runs executes (<see cref="CodeAhead"/>).</summary>
internal sealed class DecodedCodeFile(string folder)
{
    private readonly string _path = Path.Combine(folder, "code");

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
    public void Write(byte[] decoded)
    {
        try
        {
            AtomicFile.Write(_path, decoded);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }
}
