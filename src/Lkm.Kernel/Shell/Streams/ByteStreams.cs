using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Streams;

/// <summary>What a read gave.</summary>
/// <param name="Bytes">The bytes; none at the end and on error.</param>
/// <param name="Error"><see cref="Errno.OK"/>, or why it failed.</param>
internal readonly record struct ReadResult(byte[] Bytes, Errno Error)
{
    /// <summary>The end of the stream.</summary>
    public static ReadResult End { get; } = new([], Errno.OK);

    /// <summary>Whether there is nothing more to read.</summary>
    public bool IsEnd => Bytes.Length == 0;
}

/// <summary>What a command reads from.</summary>
internal interface IByteSource
{
    /// <summary>Reads up to <paramref name="count"/> bytes; waits until there are any.</summary>
    GuestTask<ReadResult> Read(int count);
}

/// <summary>What a command writes to.</summary>
internal interface IByteSink
{
    /// <summary>Writes all bytes.</summary>
    GuestTask<Errno> Write(ReadOnlyMemory<byte> bytes);
}

/// <summary>A file that the process has open.</summary>
internal sealed class DescriptorStream(ShellFiles files, int descriptor) : IByteSource, IByteSink
{
    public int Descriptor => descriptor;

    /// <summary>The same file, read and written in another's name.</summary>
    public DescriptorStream For(ShellFiles other) => new(other, descriptor);

    public GuestTask<ReadResult> Read(int count) => files.Read(descriptor, count);

    public GuestTask<Errno> Write(ReadOnlyMemory<byte> bytes) => files.WriteAll(descriptor, bytes);
}

/// <summary>A stream of the host. A reader that went away is a broken pipe.</summary>
internal sealed class HostStream(Stream stream) : IByteSource, IByteSink
{
    public GuestTask<ReadResult> Read(int count)
    {
        var bytes = new byte[count];
        try
        {
            var length = stream.Read(bytes, 0, count);
            return GuestTask<ReadResult>.FromResult(new ReadResult(bytes[..length], Errno.OK));
        }
        catch (IOException)
        {
            return GuestTask<ReadResult>.FromResult(new ReadResult([], Errno.EIO));
        }
    }

    public GuestTask<Errno> Write(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            stream.Write(bytes.Span);
            return GuestTask<Errno>.FromResult(Errno.OK);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException) // a command in the background may outlive its reader
        {
            return GuestTask<Errno>.FromResult(Errno.EPIPE);
        }
    }
}
