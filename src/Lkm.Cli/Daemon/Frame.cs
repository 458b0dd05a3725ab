using System.Buffers.Binary;
using System.Text;
using Lkm.Kernel.Processes;

namespace Lkm.Cli.Daemon;

/// <summary>What a frame is. The letters are the protocol's.</summary>
internal enum FrameKind : byte
{
    /// <summary>Both ways, first: who speaks, as texts.</summary>
    Hello = (byte)'H',

    /// <summary>To the daemon: the client's working directory, a command and its arguments, as texts.</summary>
    Request = (byte)'R',

    /// <summary>To the daemon: standard input; empty at its end.</summary>
    Input = (byte)'I',

    /// <summary>To the daemon: the user wants the command to end. Once is as Ctrl-C.</summary>
    Interrupt = (byte)'S',

    /// <summary>To the client: standard output.</summary>
    Output = (byte)'O',

    /// <summary>To the client: standard error.</summary>
    Error = (byte)'E',

    /// <summary>To the client: the command reads its standard input.</summary>
    WantInput = (byte)'N',

    /// <summary>To the client, with a file descriptor (SCM_RIGHTS): which parts of that file are the memory that it asked for.</summary>
    Memory = (byte)'F',

    /// <summary>To the client: the command has ended; status, whether the shell was told to exit, and its directory.</summary>
    Exit = (byte)'X',
}

/// <summary>One message of the protocol: a kind, and bytes that depend on it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">Its bytes.</param>
internal readonly record struct Frame(FrameKind Kind, byte[] Payload)
{
    /// <summary>The protocol that this program speaks.</summary>
    public const int Protocol = 1;

    /// <summary>Bytes of the header: a little-endian length of the payload, and the kind.</summary>
    public const int HeaderLength = 5;

    /// <summary>The longest payload, in bytes.</summary>
    public const int LongestPayload = 1 << 20;

    /// <summary>A frame of texts, each with a NUL behind it.</summary>
    public static Frame OfTexts(FrameKind kind, params IEnumerable<string> texts) =>
        new(kind, Encoding.UTF8.GetBytes(string.Concat(texts.Select(text => text + '\0'))));

    /// <summary>The frame that ends a command.</summary>
    /// <param name="status">The command's exit status.</param>
    /// <param name="isExited">Whether the shell was told to exit.</param>
    /// <param name="directory">The shell's directory from now on.</param>
    public static Frame OfExit(int status, bool isExited, string directory)
    {
        var payload = new byte[ExitDirectoryAt + Encoding.UTF8.GetByteCount(directory)];
        BinaryPrimitives.WriteInt32LittleEndian(payload, status);
        payload[ExitFlagAt] = isExited ? (byte)1 : (byte)0;
        Encoding.UTF8.GetBytes(directory, payload.AsSpan(ExitDirectoryAt));
        return new Frame(FrameKind.Exit, payload);
    }

    /// <summary>The frame that goes with memory's descriptor: offset and length of each piece, 8 bytes each.</summary>
    public static Frame OfMemory(IReadOnlyList<SharedPiece> pieces)
    {
        var payload = new byte[pieces.Count * PieceLength];
        for (int i = 0; i < pieces.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(i * PieceLength), pieces[i].Offset);
            BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan((i * PieceLength) + sizeof(long)), pieces[i].Length);
        }
        return new Frame(FrameKind.Memory, payload);
    }

    /// <summary>The texts of a frame of texts.</summary>
    public string[] Texts() => Payload is [.., 0] ? Encoding.UTF8.GetString(Payload, 0, Payload.Length - 1).Split('\0') : [];

    /// <summary>What <see cref="FrameKind.Exit"/> says.</summary>
    /// <exception cref="InvalidDataException">The frame is too short.</exception>
    public (int Status, bool IsExited, string Directory) Exit() => Payload.Length >= ExitDirectoryAt
        ? (BinaryPrimitives.ReadInt32LittleEndian(Payload), Payload[ExitFlagAt] != 0, Encoding.UTF8.GetString(Payload.AsSpan(ExitDirectoryAt)))
        : throw new InvalidDataException($"an exit of {Payload.Length} bytes");

    /// <summary>The frame's bytes.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[HeaderLength + Payload.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Payload.Length);
        bytes[4] = (byte)Kind;
        Payload.CopyTo(bytes, HeaderLength);
        return bytes;
    }

    /// <summary>Reads the next frame.</summary>
    /// <returns>Null at the end of the stream.</returns>
    /// <exception cref="InvalidDataException">What comes is no frame.</exception>
    /// <exception cref="IOException">The stream ends within a frame, or cannot be read.</exception>
    public static Frame? Read(Stream stream)
    {
        var header = new byte[HeaderLength];
        if (stream.ReadAtLeast(header, 1, throwOnEndOfStream: false) is var length and not HeaderLength)
        {
            if (length == 0)
                return null;
            stream.ReadExactly(header.AsSpan(length));
        }
        var payload = new byte[PayloadLength(header)];
        stream.ReadExactly(payload);
        return new Frame((FrameKind)header[4], payload);
    }

    private const int ExitFlagAt = 4, ExitDirectoryAt = 5, PieceLength = 2 * sizeof(long);

    private static int PayloadLength(ReadOnlySpan<byte> header)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(header);
        return length is >= 0 and <= LongestPayload
            ? length
            : throw new InvalidDataException($"a frame of {(uint)length} bytes; {LongestPayload} are the most");
    }
}
