using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>Buffered text as bytes: the terminal's encoding is no business of tools whose text is file names.</summary>
internal abstract class ToolOutput
{
    private byte[] _bytes = new byte[4096];
    private int _length;

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
        Reserve(Math.Max(count, 0));
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
            HasFailed = !WriteOut(_bytes, _length);
        }
        _length = 0;
    }

    /// <summary>A number, behind spaces that fill it up to a width.</summary>
    public ToolOutput WriteNumber(long number, int width = 0)
    {
        Span<char> digits = stackalloc char[20];
        var start = digits.Length;
        for (var left = Math.Abs(number); left > 0 || start == digits.Length; left /= 10)
        {
            digits[--start] = (char)('0' + left % 10);
        }
        if (number < 0)
        {
            digits[--start] = '-';
        }
        return WriteSpaces(width - (digits.Length - start)).Write(digits[start..]);
    }

    /// <summary>Takes the buffer's bytes to where they belong.</summary>
    /// <returns>False if that can't be done.</returns>
    protected abstract bool WriteOut(byte[] bytes, int count);

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

/// <summary>Text for a file descriptor.</summary>
internal sealed class DescriptorOutput(int file) : ToolOutput
{
    protected override bool WriteOut(byte[] bytes, int count) => HostProcess.Write(file, bytes, count);
}

/// <summary>Text for a stream.</summary>
internal sealed class StreamOutput(Stream stream) : ToolOutput
{
    protected override bool WriteOut(byte[] bytes, int count)
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
}
