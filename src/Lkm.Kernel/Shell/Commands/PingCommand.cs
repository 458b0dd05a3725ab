using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>ping: ICMP echo requests by a raw socket, a second apart (RFC 792).</summary>
internal static class PingCommand
{
    private const ulong Internet = 2, Raw = 3, IcmpProtocol = 1; // AF_INET, SOCK_RAW, IPPROTO_ICMP
    private const int HeaderLength = 8, DataLength = 56, AddressLength = 16;
    private const byte EchoReply = 0, EchoRequest = 8;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "c:W:q");
        if (options.Problem is not null || options.Operands is not [var target])
            return await c.Misused(options.Problem);
        if (!IPAddress.TryParse(target, out var address) || address.GetAddressBytes() is not { Length: 4 } bytes)
            return await c.Fail($"bad address '{target}'");
        if (!TryNumber(options, 'c', 4, out var count) || !TryNumber(options, 'W', 10, out var wait))
            return await c.Misused();
        var socket = (int)await c.Files.Call("socket", Internet, Raw, IcmpProtocol);
        if (socket < 0)
            return await c.Fail("socket", (Errno)(-socket));
        c.Print($"PING {target} ({target}): {DataLength} data bytes\n");
        var id = (ushort)await c.Files.Call("getpid");
        var times = new List<double>();
        for (ushort sequence = 0; sequence < count; sequence++)
        {
            if (sequence > 0)
                await Pause(c);
            var started = await Milliseconds(c);
            if (await Send(c, socket, bytes, Request(id, sequence)) is var error and not Errno.OK)
            {
                await c.Files.Close(socket);
                return await c.Fail("sendto", error);
            }

            if (await Receive(c, socket, id, sequence, wait * 1000) is not { } ttl)
                continue;
            times.Add(await Milliseconds(c) - started);
            if (!options.Has('q'))
                c.Print(string.Create(CultureInfo.InvariantCulture, $"{HeaderLength + DataLength} bytes from {target}: seq={sequence} ttl={ttl} time={times[^1]:f3} ms\n"));
        }

        await c.Files.Close(socket);
        c.Print($"\n--- {target} ping statistics ---\n{count} packets transmitted, {times.Count} packets received, {(count - times.Count) * 100 / count}% packet loss\n");
        if (times.Count > 0)
            c.Print(string.Create(CultureInfo.InvariantCulture, $"round-trip min/avg/max = {times.Min():f3}/{times.Average():f3}/{times.Max():f3} ms\n"));
        return times.Count > 0 ? 0 : 1;
    }

    private static bool TryNumber(Options options, char letter, int standard, out int value)
    {
        value = standard;
        return options.Values(letter).LastOrDefault() is not { } text
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value > 0);
    }

    private static byte[] Request(ushort id, ushort sequence)
    {
        var packet = new byte[HeaderLength + DataLength];
        packet[0] = EchoRequest;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), sequence);
        uint sum = 0;
        for (var i = 0; i < packet.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(i));
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)~(sum + (sum >> 16)));
        return packet;
    }

    private static async GuestTask<Errno> Send(CommandContext c, int socket, byte[] address, byte[] packet)
    {
        byte[] socketAddress = [(byte)Internet, 0, 0, 0, .. address, .. new byte[8]];
        var at = await c.Files.Process.Put(packet);
        var to = await c.Files.Process.Put(socketAddress);
        return ShellFiles.ErrorOf(await c.Files.Call("sendto", (ulong)socket, at, (ulong)packet.Length, 0, to, AddressLength));
    }

    /// <summary>Waits for the reply; a raw socket sees every ICMP packet of the machine.</summary>
    /// <returns>Its time to live, or null when none came in time.</returns>
    private static async GuestTask<int?> Receive(CommandContext c, int socket, ushort id, ushort sequence, int milliseconds)
    {
        const int internetHeader = 20, ttlOffset = 8, pollIn = 1;
        var deadline = await Milliseconds(c) + milliseconds;
        for (; ; )
        {
            var left = (int)(deadline - await Milliseconds(c));
            var pollfd = await c.Files.Process.Put((byte[])[.. BitConverter.GetBytes(socket), pollIn, 0, 0, 0]);
            if (left <= 0 || await c.Files.Call("poll", pollfd, 1, (ulong)left) <= 0)
                return null;
            var read = await c.Files.Read(socket, internetHeader + HeaderLength + DataLength);
            var packet = read.Bytes;
            if (packet.Length >= internetHeader + HeaderLength && packet[internetHeader] == EchoReply
                && BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(internetHeader + 4)) == id
                && BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(internetHeader + 6)) == sequence)
                return packet[ttlOffset];
        }
    }

    private static async GuestTask<double> Milliseconds(CommandContext c)
    {
        const ulong monotonic = 1;
        var time = await c.Files.Take(16);
        await c.Files.Call("clock_gettime", monotonic, time);
        var bytes = await c.Files.Get(time, 16);
        return (BitConverter.ToInt64(bytes) * 1000.0) + (BitConverter.ToInt64(bytes, 8) / 1e6);
    }

    private static async GuestTask Pause(CommandContext c) =>
        await c.Files.Call("nanosleep", await c.Files.Process.Put((byte[])[1, .. new byte[15]]));
}
