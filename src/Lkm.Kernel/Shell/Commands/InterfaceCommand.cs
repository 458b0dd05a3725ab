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
    private const ulong GetBroadcast = 0x8919, SetBroadcast = 0x891a, GetMtu = 0x8921, SetMtu = 0x8922, GetQueueLength = 0x8942, SetHardwareAddress = 0x8924, GetHardwareAddress = 0x8927; // SIOC*
    private const ushort Up = 0x1, Broadcast = 0x2, Running = 0x40, Ethernet = 1;

    private static readonly (ushort Bit, string Name)[] FlagNames =
        [(Up, "UP"), (0x2, "BROADCAST"), (0x8, "LOOPBACK"), (0x10, "POINTOPOINT"), (Running, "RUNNING"), (0x80, "NOARP"), (0x100, "PROMISC"), (0x1000, "MULTICAST")];

    public static async GuestTask<int> Run(CommandContext c)
    {
        var socket = (int)await c.Files.Call("socket", Internet, Datagram);
        if (socket < 0)
            return await c.Fail("socket", (Errno)(-socket));
        var status = c.Arguments.Count switch
        {
            0 => await ShowAll(c, socket, Up),
            1 when c.Arguments[0] == "-a" => await ShowAll(c, socket, 0),
            1 => await Show(c, socket, c.Arguments[0]),
            _ => await Set(c, socket, c.Arguments[0], c.Arguments[1..]),
        };
        await c.Files.Close(socket);
        return status;
    }

    private static async GuestTask<int> ShowAll(CommandContext c, int socket, ushort wanted)
    {
        var (entries, error) = await c.Files.ReadDirectory("/sys/class/net");
        if (error != Errno.OK)
            return await c.Fail("/sys/class/net", error);
        entries.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        foreach (var entry in entries)
        {
            if (entry.Name is not ("." or "..") && await Ask(c, socket, GetFlags, entry.Name) is { } flags && (flags[0] & wanted) == wanted)
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
        {
            text.Append($"          inet addr:{Address(address)}");
            if ((flags & Broadcast) != 0 && await Ask(c, socket, GetBroadcast, name) is { } broadcast)
                text.Append($"  Bcast:{Address(broadcast)}");
            text.Append($"  Mask:{Address(mask)}\n");
        }

        await AppendInternet6(c, name, text);
        text.Append("          ");
        foreach (var (bit, flag) in FlagNames)
        {
            if ((flags & bit) != 0)
                text.Append(flag).Append(' ');
        }

        if (await Ask(c, socket, GetMtu, name) is { } mtu)
            text.Append($" MTU:{BinaryPrimitives.ReadInt32LittleEndian(mtu)}  Metric:1\n");
        await AppendStatistics(c, socket, name, text);
        c.Print(text.Append('\n').ToString());
        return 0;
    }

    /// <summary>/proc/net/if_inet6: address, index, prefix, scope, flags (in hexadecimal), name.</summary>
    private static async GuestTask AppendInternet6(CommandContext c, string name, StringBuilder text)
    {
        var file = await c.Files.ReadFile("/proc/net/if_inet6");
        foreach (var line in Encoding.UTF8.GetString(file.Bytes).Split('\n'))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 6 || fields[5] != name || !Numbers.TryBytes(fields[0], out var address) || address.Length != 16)
                continue;
            var scope = fields[3] switch { "00" => "Global", "10" => "Host", "20" => "Link", "40" => "Site", "80" => "Compat", _ => "Unknown" };
            text.Append($"          inet6 addr: {new System.Net.IPAddress(address)}/{Convert.ToInt32(fields[2], 16)} Scope:{scope}\n");
        }
    }

    /// <summary>/proc/net/dev: what was received (bytes, packets, errors, dropped, fifo, frame, ...), then what was sent (..., collisions, carrier, ...).</summary>
    private static async GuestTask AppendStatistics(CommandContext c, int socket, string name, StringBuilder text)
    {
        const int columns = 16;
        var file = await c.Files.ReadFile("/proc/net/dev");
        foreach (var line in Encoding.UTF8.GetString(file.Bytes).Split('\n'))
        {
            var colon = line.IndexOf(':');
            if (colon < 0 || line.AsSpan(0, colon).Trim() is var found && !found.SequenceEqual(name))
                continue;
            var n = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (n.Length < columns)
                return;
            var queue = await Ask(c, socket, GetQueueLength, name) is { } length ? BinaryPrimitives.ReadInt32LittleEndian(length) : 0;
            text.Append($"          RX packets:{n[1]} errors:{n[2]} dropped:{n[3]} overruns:{n[4]} frame:{n[5]}\n")
                .Append($"          TX packets:{n[9]} errors:{n[10]} dropped:{n[11]} overruns:{n[12]} carrier:{n[14]}\n")
                .Append($"          collisions:{n[13]} txqueuelen:{queue} \n")
                .Append($"          RX bytes:{n[0]} ({Scale(n[0])})  TX bytes:{n[8]} ({Scale(n[8])})\n");
        }
    }

    private static string Scale(string bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        ulong whole = ulong.TryParse(bytes, out var count) ? count : 0, tenths = 0;
        var unit = 0;
        for (; whole >= 1024 && unit < units.Length - 1; unit++)
        {
            tenths = whole % 1024 * 10 / 1024;
            whole /= 1024;
        }

        return $"{whole}.{tenths} {units[unit]}";
    }

    private static async GuestTask<int> Set(CommandContext c, int socket, string name, List<string> words)
    {
        ushort set = 0, clear = 0;
        for (var i = 0; i < words.Count; i++)
        {
            var error = Errno.OK;
            var request = "SIOCSIFADDR";
            switch (words[i])
            {
                case "up":
                    set |= Up | Running;
                    continue;
                case "down":
                    clear |= Up;
                    continue;
                case "netmask" when i + 1 < words.Count && TryAddress(words[i + 1], out var mask):
                    request = "SIOCSIFNETMASK";
                    error = await Tell(c, socket, SetMask, name, mask);
                    i++;
                    break;
                case "broadcast" when i + 1 < words.Count && TryAddress(words[i + 1], out var broadcast):
                    request = "SIOCSIFBRDADDR";
                    error = await Tell(c, socket, SetBroadcast, name, broadcast);
                    i++;
                    break;
                case "mtu" when i + 1 < words.Count && Numbers.TryUnsigned(words[i + 1], out var mtu):
                    request = "SIOCSIFMTU";
                    error = await Tell(c, socket, SetMtu, name, BitConverter.GetBytes((int)mtu));
                    i++;
                    break;
                case "hw" when i + 2 < words.Count && words[i + 1] == "ether" && Numbers.TryBytes(words[i + 2].Replace(":", "", StringComparison.Ordinal), out var mac) && mac.Length == 6:
                    request = "SIOCSIFHWADDR";
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
                return await c.Fail(request, error);
        }

        if ((set | clear) == 0)
            return 0;
        if (await Ask(c, socket, GetFlags, name) is not { } current)
            return await c.Fail("SIOCGIFFLAGS", Errno.ENODEV);
        var flags = (ushort)((BinaryPrimitives.ReadUInt16LittleEndian(current) | set) & ~clear);
        var failed = await Tell(c, socket, SetFlags, name, BitConverter.GetBytes(flags));
        return failed == Errno.OK ? 0 : await c.Fail("SIOCSIFFLAGS", failed);
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
