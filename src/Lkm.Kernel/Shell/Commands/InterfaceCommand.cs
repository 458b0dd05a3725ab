using System.Buffers.Binary;
using System.Net;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>ifconfig: network interfaces by the ioctls of a socket (netdevice(7)).</summary>
internal static class InterfaceCommand
{
    private const int NameLength = 16, RequestLength = 40; // IFNAMSIZ, sizeof(struct ifreq)
    private const ulong Internet = 2, Datagram = 2; // AF_INET, SOCK_DGRAM
    private const ulong GetFlags = 0x8913, SetFlags = 0x8914, GetAddress = 0x8915, SetAddress = 0x8916, GetMask = 0x891b, SetMask = 0x891c;
    private const ulong GetMtu = 0x8921, SetHardwareAddress = 0x8924, GetHardwareAddress = 0x8927; // SIOC*
    private const ushort Up = 0x1, Running = 0x40, Ethernet = 1;

    private static readonly (ushort Bit, string Name)[] FlagNames =
        [(Up, "UP"), (0x2, "BROADCAST"), (0x8, "LOOPBACK"), (0x10, "POINTOPOINT"), (Running, "RUNNING"), (0x80, "NOARP"), (0x100, "PROMISC"), (0x1000, "MULTICAST")];

    public static async GuestTask<int> Run(CommandContext c)
    {
        var socket = (int)await c.Files.Call("socket", Internet, Datagram);
        if (socket < 0)
            return await c.Fail("socket", (Errno)(-socket));
        var status = c.Arguments.Count switch
        {
            0 => await ShowAll(c, socket),
            1 => await Show(c, socket, c.Arguments[0]),
            _ => await Set(c, socket, c.Arguments[0], c.Arguments[1..]),
        };
        await c.Files.Close(socket);
        return status;
    }

    private static async GuestTask<int> ShowAll(CommandContext c, int socket)
    {
        var (entries, error) = await c.Files.ReadDirectory("/sys/class/net");
        if (error != Errno.OK)
            return await c.Fail("/sys/class/net", error);
        entries.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        foreach (var entry in entries)
        {
            if (entry.Name is not ("." or "..") && await Ask(c, socket, GetFlags, entry.Name) is { } flags && (flags[0] & Up) != 0)
                await Show(c, socket, entry.Name);
        }

        return 0;
    }

    private static async GuestTask<int> Show(CommandContext c, int socket, string name)
    {
        if (await Ask(c, socket, GetFlags, name) is not { } flagBytes)
            return await c.Fail($"{name}: error fetching interface information: Device not found");
        var flags = BinaryPrimitives.ReadUInt16LittleEndian(flagBytes);
        var isEthernet = await Ask(c, socket, GetHardwareAddress, name) is { } hardware && BinaryPrimitives.ReadUInt16LittleEndian(hardware) == Ethernet;
        var text = new StringBuilder($"{name,-9} Link encap:");
        if (isEthernet)
            text.Append("Ethernet  HWaddr ").Append(string.Join(':', (await Ask(c, socket, GetHardwareAddress, name))!.Skip(2).Take(6).Select(b => $"{b:X2}"))).Append("  ");
        else
            text.Append((flags & 0x8) != 0 ? "Local Loopback  " : "UNSPEC  ");
        text.Append('\n');
        if (await Ask(c, socket, GetAddress, name) is { } address && await Ask(c, socket, GetMask, name) is { } mask)
            text.Append($"          inet addr:{Address(address)}  Mask:{Address(mask)}\n");
        text.Append("          ");
        foreach (var (bit, flag) in FlagNames)
        {
            if ((flags & bit) != 0)
                text.Append(flag).Append(' ');
        }

        if (await Ask(c, socket, GetMtu, name) is { } mtu)
            text.Append($" MTU:{BinaryPrimitives.ReadInt32LittleEndian(mtu)}  Metric:1\n");
        c.Print(text.Append('\n').ToString());
        return 0;
    }

    private static async GuestTask<int> Set(CommandContext c, int socket, string name, List<string> words)
    {
        ushort set = 0, clear = 0;
        for (var i = 0; i < words.Count; i++)
        {
            var error = Errno.OK;
            switch (words[i])
            {
                case "up":
                    set |= Up | Running;
                    continue;
                case "down":
                    clear |= Up;
                    continue;
                case "netmask" when i + 1 < words.Count && TryAddress(words[i + 1], out var mask):
                    error = await Tell(c, socket, SetMask, name, mask);
                    i++;
                    break;
                case "hw" when i + 2 < words.Count && words[i + 1] == "ether" && Numbers.TryBytes(words[i + 2].Replace(":", "", StringComparison.Ordinal), out var mac) && mac.Length == 6:
                    error = await Tell(c, socket, SetHardwareAddress, name, [(byte)Ethernet, 0, .. mac]);
                    i += 2;
                    break;
                case var word when TryAddress(word, out var address):
                    error = await Tell(c, socket, SetAddress, name, address);
                    set |= Up | Running; // as ifconfig does with an address
                    break;
                default:
                    return await c.Misused($"bad word '{words[i]}'");
            }

            if (error != Errno.OK)
                return await c.Fail(name, error);
        }

        if ((set | clear) == 0)
            return 0;
        if (await Ask(c, socket, GetFlags, name) is not { } current)
            return await c.Fail(name, Errno.ENODEV);
        var flags = (ushort)((BinaryPrimitives.ReadUInt16LittleEndian(current) | set) & ~clear);
        var failed = await Tell(c, socket, SetFlags, name, BitConverter.GetBytes(flags));
        return failed == Errno.OK ? 0 : await c.Fail(name, failed);
    }

    /// <summary>What a request answers: the bytes behind the name in struct ifreq; null when it failed.</summary>
    private static async GuestTask<byte[]?> Ask(CommandContext c, int socket, ulong request, string name)
    {
        var at = await c.Files.Process.Put(Request(name, []));
        return await c.Files.Call("ioctl", (ulong)socket, request, at) == 0 ? (await c.Files.Get(at, RequestLength))[NameLength..] : null;
    }

    private static async GuestTask<Errno> Tell(CommandContext c, int socket, ulong request, string name, byte[] value) =>
        ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)socket, request, await c.Files.Process.Put(Request(name, value))));

    private static byte[] Request(string name, byte[] value)
    {
        var request = new byte[RequestLength];
        Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, NameLength - 1)), request);
        value.CopyTo(request, NameLength);
        return request;
    }

    /// <summary>struct sockaddr_in.</summary>
    private static bool TryAddress(string text, out byte[] address)
    {
        address = [];
        if (!text.Contains('.') || !IPAddress.TryParse(text, out var parsed) || parsed.GetAddressBytes() is not { Length: 4 } bytes)
            return false;
        address = [(byte)Internet, 0, 0, 0, .. bytes];
        return true;
    }

    private static string Address(byte[] sockaddr) => $"{sockaddr[4]}.{sockaddr[5]}.{sockaddr[6]}.{sockaddr[7]}";
}
