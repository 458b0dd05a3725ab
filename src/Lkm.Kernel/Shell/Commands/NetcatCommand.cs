using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>nc: copies the input to a connection, and what comes from it to the output, as busybox's does.</summary>
internal static class NetcatCommand
{
    private const ulong Internet = 2, Stream = 1, Datagram = 2; // AF_INET, SOCK_STREAM, SOCK_DGRAM
    private const int AddressLength = 16, CopySize = 4096;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "ulp:w:q:N");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        ushort local = 0, port = 0;
        var seconds = 0;
        if ((options.Value('p') is { } own && !TryPort(own, out local)) || (options.Value('w') is { } wait && !int.TryParse(wait, out seconds)))
            return await c.Misused();
        var address = IPAddress.Any;
        if (!options.Has('l'))
        {
            if (options.Operands is not [var host, var service] || !TryPort(service, out port))
                return await c.Misused();
            if (!IPAddress.TryParse(host == "localhost" ? "127.0.0.1" : host, out address!) || address.GetAddressBytes().Length != 4)
                return await c.Fail($"bad address '{host}'");
        }

        var socket = (int)await c.Files.Call("socket", Internet, options.Has('u') ? Datagram : Stream, 0);
        if (socket < 0)
            return await c.Fail("socket", (Errno)(-socket));
        var (connection, problem, error) = await Connect(c, socket, options.Has('l'), local, address, port, seconds);
        var status = 0;
        if (error == Errno.OK)
            await Exchange(c, connection, isDatagram: options.Has('u'), seconds);
        else
            status = await c.Fail(problem, error);
        if (connection != socket && connection >= 0)
            await c.Files.Close(connection);
        await c.Files.Close(socket);
        return status;
    }

    private static bool TryPort(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port > 0;

    private static async GuestTask<(int Connection, string Problem, Errno Error)> Connect(
        CommandContext c, int socket, bool listens, ushort local, IPAddress address, ushort port, int seconds)
    {
        Errno error;
        if (local > 0)
        {
            const ulong socketLevel = 1, reuseAddress = 2; // SOL_SOCKET, SO_REUSEADDR
            await c.Files.Call("setsockopt", (ulong)socket, socketLevel, reuseAddress, await c.Files.Process.Put(BitConverter.GetBytes(1)), sizeof(int));
            error = await WithAddress("bind", IPAddress.Any, local);
            if (error != Errno.OK)
                return (-1, "bind", error);
        }

        if (listens)
        {
            error = ShellFiles.ErrorOf(await c.Files.Call("listen", (ulong)socket, 1));
            if (error != Errno.OK)
                return (-1, "listen", error);
            var accepted = await c.Files.Call("accept", (ulong)socket, 0, 0);
            return ((int)accepted, "accept", ShellFiles.ErrorOf(accepted));
        }

        if (seconds > 0)
        {
            const ulong socketLevel = 1, sendTimeout = 21; // SO_SNDTIMEO, which connect(2) minds too
            var limit = await c.Files.Process.Put((byte[])[.. BitConverter.GetBytes((long)seconds), .. new byte[sizeof(long)]]);
            await c.Files.Call("setsockopt", (ulong)socket, socketLevel, sendTimeout, limit, 2 * sizeof(long));
        }

        error = await WithAddress("connect", address, port);
        return (socket, $"can't connect to remote host ({address})", error);

        async GuestTask<Errno> WithAddress(string call, IPAddress to, ushort number)
        {
            var bytes = new byte[AddressLength];
            bytes[0] = (byte)Internet;
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), number);
            to.GetAddressBytes().CopyTo(bytes, 4);
            return ShellFiles.ErrorOf(await c.Files.Call(call, (ulong)socket, await c.Files.Process.Put(bytes), AddressLength));
        }
    }

    /// <summary>The input is sent as it comes, then the sending side is closed; it is over when the other side has closed, or has been silent for that long.</summary>
    private static async GuestTask Exchange(CommandContext c, int connection, bool isDatagram, int seconds)
    {
        const short readable = 1;
        const ulong sending = 1; // SHUT_WR
        var input = c.Input as DescriptorStream;
        var sends = true;
        while (!c.OutputFailed)
        {
            if (sends && input is null)
            {
                var read = await c.Input.Read(CopySize);
                if (read.IsEnd)
                    await EndInput();
                else if (await c.Files.WriteAll(connection, read.Bytes) != Errno.OK)
                    return;
                continue;
            }

            byte[] polled = [.. Entry(connection), .. sends ? Entry(input!.Descriptor) : []];
            var at = await c.Files.Process.Put(polled);
            var limit = sends ? -1 : seconds > 0 ? seconds * 1000 : isDatagram ? 1000 : -1;
            if (await c.Files.Call("poll", at, (ulong)(polled.Length / 8), unchecked((ulong)limit)) <= 0)
                return;
            var events = await c.Files.Get(at, polled.Length);
            if (sends && events[14] != 0) // first, as busybox's: the other side may have closed, and still reads
            {
                var read = await input!.For(c.Files).Read(CopySize);
                if (read.IsEnd)
                    await EndInput();
                else if (await c.Files.WriteAll(connection, read.Bytes) != Errno.OK)
                    return;
            }

            if (events[6] != 0)
            {
                var received = await c.Files.Read(connection, CopySize);
                if (received.IsEnd)
                    return;
                await c.WriteThrough(received.Bytes);
            }
        }

        static byte[] Entry(int descriptor) => [.. BitConverter.GetBytes(descriptor), .. BitConverter.GetBytes(readable), 0, 0];

        async GuestTask EndInput()
        {
            sends = false;
            if (!isDatagram)
                await c.Files.Call("shutdown", (ulong)connection, sending);
        }
    }
}
