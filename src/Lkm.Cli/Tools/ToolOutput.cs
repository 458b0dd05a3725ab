using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>Buffered text as bytes: the terminal's encoding is no business of tools whose text is file names.</summary>
/// <param name="write">Writes that many bytes of the array; false if it can't.</param>
internal sealed class ToolOutput(Func<byte[], int, bool> write)
{
    private byte[] _bytes = new byte[4096];
    private int _length;

    /// <summary>Text for a file descriptor.</summary>
    public ToolOutput(int file)
        : this((bytes, count) => HostProcess.Write(file, bytes, count))
    {
    }

    /// <summary>Text for a stream.</summary>
    public ToolOutput(Stream stream)
        : this((bytes, count) => Write(stream, bytes, count))
    {
    }

    /// <summary>Whether a write failed; then nothing more is written.</summary>
    public bool HasFailed { get; private set; }

    public ToolOutput Write(ReadOnlySpan<char> text)
    {
        Reserve(text.Length * 3);
        _length += LosslessText.Encode(text, _bytes.AsSpan(_length));
        return this;
    }

    public ToolOutput Write(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
        return this;
    }

    public ToolOutput WriteSpaces(int count)
    {
        Reserve(count);
        for (; count > 0; count--)
        {
            _bytes[_length++] = (byte)' ';
        }
        return this;
    }

    public void WriteLine(ReadOnlySpan<char> text) => Write(text).Write("\n");

    public void Flush()
    {
        if (_length > 0 && !HasFailed)
        {
            HasFailed = !write(_bytes, _length);
        }
        _length = 0;
    }

    private static bool Write(Stream stream, byte[] bytes, int count)
    {
        try
        {
            stream.Write(bytes, 0, count);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void Reserve(int count)
    {
        if (_length + count > _bytes.Length && _length > 1 << 16)
        {
            Flush();
        }
        if (_length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_length + count, _bytes.Length * 2));
        }
    }
}
