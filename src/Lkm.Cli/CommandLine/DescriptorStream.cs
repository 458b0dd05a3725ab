using System.Runtime.InteropServices;
using Lkm.Modules.Host;

namespace Lkm.Cli.CommandLine;

/// <summary>Writes to a file descriptor of this process. <see cref="Console"/>'s streams do the same and take two more libraries at each start.</summary>
/// <param name="descriptor">The descriptor; it stays open.</param>
internal sealed class DescriptorStream(int descriptor) : Stream
{
    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="IOException">With write(2)'s reason.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!HostProcess.Write(descriptor, buffer.ToArray(), buffer.Length))
            throw new IOException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastSystemError()));
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is kept back.
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
