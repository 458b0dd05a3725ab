using System.Buffers.Binary;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>
/// A socket of rtnetlink(7). A message is a header of 16 bytes (length, type, flags, sequence, port), a structure of its type, and attributes;
/// a request is answered by messages of its kind, or by an error, which may be 0.
/// </summary>
internal sealed class RouteSocket(CommandContext c, int descriptor)
{
    private const int HeaderLength = 16, AttributeHeaderLength = 4, Alignment = 4;
    private const int LongestAnswer = 32 * 1024;
    private const ushort ErrorMessage = 2, Done = 3; // NLMSG_*
    private const ushort IsRequest = 0x1, WantsAcknowledgement = 0x4, WantsAll = 0x300; // NLM_F_*

    /// <summary>NLM_F_CREATE and NLM_F_EXCL: what is told of is to be made, and may not be there.</summary>
    public const ushort Create = 0x600;

    /// <summary>Opens one.</summary>
    public static async GuestTask<(RouteSocket? Socket, Errno Error)> Open(CommandContext c)
    {
        const ulong netlink = 16, raw = 3, route = 0; // AF_NETLINK, SOCK_RAW, NETLINK_ROUTE
        var descriptor = await c.Files.Call("socket", netlink, raw, route);
        return descriptor < 0 ? (null, (Errno)(-descriptor)) : (new RouteSocket(c, (int)descriptor), Errno.OK);
    }

    /// <summary>Closes it.</summary>
    public async GuestTask Close() => await c.Files.Close(descriptor);

    /// <summary>Tells the kernel to do something.</summary>
    /// <param name="type">RTM_*.</param>
    /// <param name="flags">NLM_F_*, beside those of every request.</param>
    /// <param name="body">The structure and the attributes.</param>
    public async GuestTask<Errno> Tell(ushort type, ushort flags, byte[] body)
    {
        if (await Send(type, (ushort)(flags | WantsAcknowledgement), body) is var failed and not Errno.OK)
            return failed;
        var (_, error) = await Receive();
        return error;
    }

    /// <summary>Asks for all that there is of a kind.</summary>
    /// <param name="type">RTM_GET*.</param>
    /// <param name="structure">The structure that belongs to it, mostly zeros.</param>
    /// <returns>The messages without their headers.</returns>
    public async GuestTask<(List<byte[]> Messages, Errno Error)> Dump(ushort type, byte[] structure) =>
        await Send(type, WantsAll, structure) is var failed and not Errno.OK ? ([], failed) : await Receive();

    /// <summary>An attribute with its header and padding.</summary>
    public static byte[] Attribute(ushort type, params ReadOnlySpan<byte> value)
    {
        var bytes = new byte[Aligned(AttributeHeaderLength + value.Length)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(AttributeHeaderLength + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2), type);
        value.CopyTo(bytes.AsSpan(AttributeHeaderLength));
        return bytes;
    }

    /// <summary>The value of the attribute of a type behind a message's structure, or null.</summary>
    public static byte[]? Find(byte[] message, int structureLength, ushort type)
    {
        const int typeMask = 0x3fff; // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
        for (var at = Aligned(structureLength); at + AttributeHeaderLength <= message.Length;)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(message.AsSpan(at));
            if (length < AttributeHeaderLength || at + length > message.Length)
                return null;
            if ((BinaryPrimitives.ReadUInt16LittleEndian(message.AsSpan(at + 2)) & typeMask) == type)
                return message[(at + AttributeHeaderLength)..(at + length)];
            at += Aligned(length);
        }

        return null;
    }

    private async GuestTask<Errno> Send(ushort type, ushort flags, byte[] body)
    {
        var message = new byte[HeaderLength + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), type);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), (ushort)(flags | IsRequest));
        body.CopyTo(message, HeaderLength);
        return await c.Files.WriteAll(descriptor, message);
    }

    private async GuestTask<(List<byte[]> Messages, Errno Error)> Receive()
    {
        var messages = new List<byte[]>();
        for (; ; )
        {
            var read = await c.Files.ReadBlock(descriptor, LongestAnswer);
            if (read.IsEnd)
                return (messages, read.Error == Errno.OK ? Errno.EIO : read.Error);
            for (var at = 0; at + HeaderLength <= read.Bytes.Length;)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(read.Bytes.AsSpan(at));
                if (length < HeaderLength || at + length > read.Bytes.Length)
                    return (messages, Errno.EBADMSG);
                var body = read.Bytes[(at + HeaderLength)..(at + length)];
                switch (BinaryPrimitives.ReadUInt16LittleEndian(read.Bytes.AsSpan(at + 4)))
                {
                    case Done:
                        return (messages, Errno.OK);
                    case ErrorMessage:
                        return (messages, (Errno)(-BinaryPrimitives.ReadInt32LittleEndian(body)));
                    default:
                        messages.Add(body);
                        break;
                }

                at += Aligned(length);
            }
        }
    }

    private static int Aligned(int length) => (length + Alignment - 1) & ~(Alignment - 1);
}
