using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>ip link and ip addr: network interfaces and their addresses, by rtnetlink(7).</summary>
internal static class IpCommand
{
    private const ushort NewLink = 16, DeleteLink = 17, GetLink = 18, NewAddress = 20, DeleteAddress = 21, GetAddress = 22; // RTM_*
    private const int LinkLength = 16, AddressLength = 8; // sizeof(struct ifinfomsg), of struct ifaddrmsg
    private const byte Internet = 2, Internet6 = 10; // AF_*
    private const uint Up = 0x1, Running = 0x40, NoArp = 0x80, Promiscuous = 0x100; // IFF_*

    // IFLA_*, IFA_*
    private const ushort LinkAddress = 1, LinkBroadcast = 2, LinkName = 3, LinkMtu = 4, LinkQueueing = 6, LinkQueueLength = 13, LinkInfo = 18, InfoKind = 1;
    private const ushort PeerAddress = 1, LocalAddress = 2, AddressLabel = 3, BroadcastAddress = 4;

    private static readonly (uint Bit, string Name)[] s_flagNames =
    [
        (0x8, "LOOPBACK"), (0x2, "BROADCAST"), (0x10, "POINTOPOINT"), (0x1000, "MULTICAST"), (NoArp, "NOARP"), (0x200, "ALLMULTI"),
        (Promiscuous, "PROMISC"), (0x400, "MASTER"), (0x800, "SLAVE"), (0x4, "DEBUG"), (0x8000, "DYNAMIC"), (Up, "UP"), (0x10000, "LOWER_UP"), (0x20000, "DORMANT"),
    ];

    public static async GuestTask<int> Run(CommandContext c)
    {
        var (socket, error) = await RouteSocket.Open(c);
        if (socket is null)
            return await c.Fail("socket", error);
        var status = c.Arguments switch
        {
            ["link" or "l", "set", .. var words] => await SetLink(c, socket, WithoutDev(words)),
            ["link" or "l", "add", .. var words] => await AddLink(c, socket, WithoutDev(words)),
            ["link" or "l", "del" or "delete", .. var words] => await RemoveLink(c, socket, WithoutDev(words)),
            ["link" or "l", .. var words] => await Show(c, socket, WithoutShow(words), withAddresses: false),
            ["addr" or "address" or "a", "add", .. var words] => await ChangeAddress(c, socket, NewAddress, RouteSocket.Create, words),
            ["addr" or "address" or "a", "del" or "delete", .. var words] => await ChangeAddress(c, socket, DeleteAddress, 0, words),
            ["addr" or "address" or "a", .. var words] => await Show(c, socket, WithoutShow(words), withAddresses: true),
            ["route" or "r", .. var words] => await RouteCommand.RunIp(c, socket, words),
            _ => await c.Misused(),
        };
        await socket.Close();
        return status;
    }

    private static List<string> WithoutDev(List<string> words) => words.FindAll(word => word != "dev");

    private static List<string> WithoutShow(List<string> words) => words.FindAll(word => word is not ("dev" or "show" or "list"));

    private static async GuestTask<int> Show(CommandContext c, RouteSocket socket, List<string> words, bool withAddresses)
    {
        if (words.Count > 1)
            return await c.Misused();
        var (links, error) = await socket.Dump(GetLink, new byte[LinkLength]);
        if (error != Errno.OK)
            return await c.Fail("RTM_GETLINK", error);
        List<byte[]> addresses = [];
        if (withAddresses)
            (addresses, _) = await socket.Dump(GetAddress, new byte[AddressLength]);
        var found = false;
        foreach (var link in links)
        {
            if (words.Count == 1 && NameOf(link) != words[0])
                continue;
            found = true;
            c.Print(Describe(link));
            foreach (var address in addresses)
            {
                if (BinaryPrimitives.ReadInt32LittleEndian(address.AsSpan(4)) == IndexOf(link))
                    c.Print(DescribeAddress(address));
            }
        }

        return found || words.Count == 0 ? 0 : await c.Fail($"can't find device '{words[0]}'");
    }

    private static string Describe(byte[] link)
    {
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(link.AsSpan(8));
        var names = s_flagNames.Where(flag => (flags & flag.Bit) != 0).Select(flag => flag.Name);
        if ((flags & (Up | Running)) == Up)
            names = names.Prepend("NO-CARRIER");
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"{IndexOf(link)}: {NameOf(link)}: <{string.Join(',', names)}> mtu {Number(link, LinkMtu)}"));
        if (RouteSocket.Find(link, LinkLength, LinkQueueing) is { } queueing)
            text.Append(" qdisc ").Append(Text(queueing));
        if (Number(link, LinkQueueLength) is > 0 and var length)
            text.Append(CultureInfo.InvariantCulture, $" qlen {length}");
        text.Append("\n    link/").Append(BinaryPrimitives.ReadUInt16LittleEndian(link.AsSpan(2)) switch { 1 => "ether", 772 => "loopback", 65534 => "none", var type => $"[{type}]" });
        if (RouteSocket.Find(link, LinkLength, LinkAddress) is { } address)
            text.Append(' ').Append(Hardware(address));
        if (RouteSocket.Find(link, LinkLength, LinkBroadcast) is { } broadcast)
            text.Append(" brd ").Append(Hardware(broadcast));
        return text.Append('\n').ToString();
    }

    private static string DescribeAddress(byte[] message)
    {
        var scope = message[3] switch { 0 => "global", 253 => "link", 254 => "host", var other => $"{other}" };
        var address = RouteSocket.Find(message, AddressLength, LocalAddress) ?? RouteSocket.Find(message, AddressLength, PeerAddress);
        if (message[0] is not (Internet or Internet6) || address is null)
            return "";
        var broadcast = RouteSocket.Find(message, AddressLength, BroadcastAddress) is { } all ? $" brd {new IPAddress(all)}" : "";
        var label = RouteSocket.Find(message, AddressLength, AddressLabel) is { } name ? Text(name) : "";
        return $"    {(message[0] == Internet ? "inet" : "inet6")} {new IPAddress(address)}/{message[1]}{broadcast} scope {scope} {label}\n       valid_lft forever preferred_lft forever\n";
    }

    private static async GuestTask<int> SetLink(CommandContext c, RouteSocket socket, List<string> words)
    {
        if (words.Count < 2)
            return await c.Misused();
        if (await FindIndex(socket, words[0]) is not { } index)
            return await c.Fail($"{FirstRequest(words)}: {Errno.ENODEV.Message()}");
        uint set = 0, change = 0;
        var attributes = new List<byte>();
        for (var i = 1; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "up":
                    (set, change) = (set | Up, change | Up);
                    break;
                case "down":
                    (set, change) = (set & ~Up, change | Up);
                    break;
                case "promisc" or "arp" when i + 1 < words.Count && words[i + 1] is "on" or "off":
                    var bit = words[i] == "arp" ? NoArp : Promiscuous;
                    change |= bit;
                    if ((words[++i] == "on") == (bit == Promiscuous))
                        set |= bit;
                    break;
                case "mtu" when i + 1 < words.Count && Numbers.TryUnsigned(words[i + 1], out var mtu):
                    attributes.AddRange(RouteSocket.Attribute(LinkMtu, BitConverter.GetBytes((uint)mtu)));
                    i++;
                    break;
                case "address" when i + 1 < words.Count && Numbers.TryBytes(words[i + 1].Replace(":", "", StringComparison.Ordinal), out var hardware):
                    attributes.AddRange(RouteSocket.Attribute(LinkAddress, hardware));
                    i++;
                    break;
                case "name" when i + 1 < words.Count:
                    attributes.AddRange(RouteSocket.Attribute(LinkName, Terminated(words[++i])));
                    break;
                default:
                    return await c.Misused($"bad word '{words[i]}'");
            }
        }

        var error = await socket.Tell(NewLink, 0, [.. Link(index, set, change), .. attributes]);
        return error == Errno.OK ? 0 : await c.Fail(SettingRequest(words), error);
    }

    /// <summary>The request in which busybox, which sets each by an ioctl of netdevice(7), finds that there is no such device.</summary>
    private static string FirstRequest(List<string> words) =>
        words.Contains("address") ? "SIOCGIFINDEX" : words.Contains("name") ? "SIOCSIFNAME" : words.Contains("mtu") ? "SIOCSIFMTU" : "SIOCGIFFLAGS";

    /// <summary>The request by which busybox sets it, which it names when that fails.</summary>
    private static string SettingRequest(List<string> words) =>
        words.Contains("address") ? "SIOCSIFHWADDR" : words.Contains("name") ? "SIOCSIFNAME" : words.Contains("mtu") ? "SIOCSIFMTU" : "SIOCSIFFLAGS";

    private static async GuestTask<int> AddLink(CommandContext c, RouteSocket socket, List<string> words)
    {
        words = words is ["name", .. var rest] ? rest : words;
        if (words is not [var name, "type", var kind])
            return await c.Misused();
        var info = RouteSocket.Attribute(LinkInfo, RouteSocket.Attribute(InfoKind, Terminated(kind)));
        return await Report(c, await socket.Tell(NewLink, RouteSocket.Create, [.. Link(0, 0, 0), .. RouteSocket.Attribute(LinkName, Terminated(name)), .. info]));
    }

    private static async GuestTask<int> RemoveLink(CommandContext c, RouteSocket socket, List<string> words)
    {
        if (words is not [var name, ..])
            return await c.Misused();
        return await FindIndex(socket, name) is { } index
            ? await Report(c, await socket.Tell(DeleteLink, 0, Link(index, 0, 0)))
            : await c.Fail($"can't find device '{name}'");
    }

    /// <summary>ADDRESS[/BITS] dev NAME.</summary>
    private static async GuestTask<int> ChangeAddress(CommandContext c, RouteSocket socket, ushort type, ushort flags, List<string> words)
    {
        if (words is not [var text, "dev", var name])
            return await c.Misused();
        var parts = text.Split('/');
        if (parts.Length > 2 || !IPAddress.TryParse(parts[0], out var parsed))
            return await c.Fail($"bad address '{text}'");
        var address = parsed.GetAddressBytes();
        var bits = address.Length * 8;
        if (parts.Length == 2 && (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out bits) || bits > address.Length * 8))
            return await c.Fail($"bad address '{text}'");
        if (await FindIndex(socket, name) is not { } index)
            return await c.Fail($"can't find device '{name}'");
        const byte hostScope = 254;
        byte[] header = [address.Length == 4 ? Internet : Internet6, (byte)bits, 0, IPAddress.IsLoopback(parsed) ? hostScope : (byte)0, .. BitConverter.GetBytes(index)];
        return await Report(c, await socket.Tell(type, flags, [.. header, .. RouteSocket.Attribute(LocalAddress, address), .. RouteSocket.Attribute(PeerAddress, address)]));
    }

    private static async GuestTask<int> Report(CommandContext c, Errno error) =>
        error == Errno.OK ? 0 : await c.Fail("RTNETLINK answers", error);

    private static async GuestTask<int?> FindIndex(RouteSocket socket, string name)
    {
        var (links, _) = await socket.Dump(GetLink, new byte[LinkLength]);
        return links.Find(link => NameOf(link) == name) is { } found ? IndexOf(found) : null;
    }

    /// <summary>struct ifinfomsg.</summary>
    private static byte[] Link(int index, uint flags, uint change) =>
        [0, 0, 0, 0, .. BitConverter.GetBytes(index), .. BitConverter.GetBytes(flags), .. BitConverter.GetBytes(change)];

    private static int IndexOf(byte[] link) => BinaryPrimitives.ReadInt32LittleEndian(link.AsSpan(4));

    private static string NameOf(byte[] link) => RouteSocket.Find(link, LinkLength, LinkName) is { } name ? Text(name) : "";

    private static uint Number(byte[] link, ushort type) =>
        RouteSocket.Find(link, LinkLength, type) is { Length: 4 } value ? BinaryPrimitives.ReadUInt32LittleEndian(value) : 0;

    private static string Text(byte[] value) => Encoding.UTF8.GetString(value).TrimEnd('\0');

    private static byte[] Terminated(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static string Hardware(byte[] address) => string.Join(':', address.Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
}
