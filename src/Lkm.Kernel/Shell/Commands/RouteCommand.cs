using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>ip route, by rtnetlink(7), and route, which reads /proc/net/route: as busybox prints them.</summary>
internal static class RouteCommand
{
    private const ushort NewRoute = 24, DeleteRoute = 25, GetRoute = 26, GetLink = 18; // RTM_*
    private const ushort Destination = 1, Interface = 4, Gateway = 5, Priority = 6, Source = 7; // RTA_*
    private const int MessageLength = 12, LinkLength = 16; // sizeof(struct rtmsg), of struct ifinfomsg
    private const ushort LinkName = 3; // IFLA_IFNAME
    private const byte Internet = 2, MainTable = 254, Boot = 3, Unicast = 1, LinkScope = 253, Nowhere = 255, HostLength = 32;

    /// <summary>ip route [show|list], add, del.</summary>
    public static async GuestTask<int> RunIp(CommandContext c, RouteSocket socket, List<string> words)
    {
        if (words is [] or ["show" or "list"])
            return await Show(c, socket);
        if (words is not ["add" or "del" or "delete", .. var rest] || !TryParse(rest, out var route))
            return await c.Misused();
        var error = await Change(c, socket, words[0] == "add", route);
        if (error != Errno.OK)
            await c.Complain($"RTNETLINK answers: {error.Message()}");
        return error == Errno.OK ? 0 : 2;
    }

    /// <summary>route [-n], add, del.</summary>
    public static async GuestTask<int> Run(CommandContext c)
    {
        if (c.Arguments is [] or ["-n"])
            return await List(c, isNumeric: c.Arguments.Count > 0);
        if (c.Arguments is not ["add" or "del" or "delete", .. var rest] || !TryParse(rest, out var route))
            return await c.Misused();
        var (socket, failed) = await RouteSocket.Open(c);
        if (socket is null)
            return await c.Fail("socket", failed);
        var isAdded = c.Arguments[0] == "add";
        var error = await Change(c, socket, isAdded, route);
        await socket.Close();
        return error == Errno.OK ? 0 : await c.Fail(isAdded ? "SIOCADDRT" : "SIOCDELRT", error);
    }

    /// <summary>Both commands' words: -net, -host, default, a destination, netmask, gw or via, dev, metric.</summary>
    private static bool TryParse(List<string> words, out Route route)
    {
        route = new Route(new byte[4], 0, null, null, 0);
        var hasDestination = false;
        for (var i = 0; i < words.Count; i++)
        {
            var next = i + 1 < words.Count ? words[i + 1] : "";
            switch (words[i])
            {
                case "-net" or "-host":
                    continue;
                case "default" when !hasDestination:
                    hasDestination = true;
                    continue;
                case "netmask" when IPAddress.TryParse(next, out var mask):
                    route = route with { Length = (byte)System.Numerics.BitOperations.PopCount(BitConverter.ToUInt32(mask.GetAddressBytes())) };
                    break;
                case "gw" or "via" when IPAddress.TryParse(next, out var gateway):
                    route = route with { Gateway = gateway.GetAddressBytes() };
                    break;
                case "dev":
                    route = route with { Device = next };
                    break;
                case "metric" when uint.TryParse(next, CultureInfo.InvariantCulture, out var metric):
                    route = route with { Metric = metric };
                    break;
                case var word when !hasDestination:
                    var parts = word.Split('/');
                    var length = HostLength;
                    if (!IPAddress.TryParse(parts[0], out var address) || address.GetAddressBytes() is not { Length: 4 } bytes
                        || (parts.Length > 1 && !byte.TryParse(parts[1], CultureInfo.InvariantCulture, out length)))
                        return false;
                    route = route with { Destination = bytes, Length = length };
                    hasDestination = true;
                    continue;
                case var word when i == words.Count - 1:
                    route = route with { Device = word };
                    continue;
                default:
                    return false;
            }

            i++;
        }

        return hasDestination;
    }

    private static async GuestTask<Errno> Change(CommandContext c, RouteSocket socket, bool isAdded, Route route)
    {
        byte scope = isAdded ? route.Gateway is null ? LinkScope : (byte)0 : Nowhere;
        List<byte> body = [Internet, route.Length, 0, 0, MainTable, isAdded ? Boot : (byte)0, scope, isAdded ? Unicast : (byte)0, 0, 0, 0, 0];
        if (route.Length > 0)
            body.AddRange(RouteSocket.Attribute(Destination, route.Destination));
        if (route.Gateway is { } gateway)
            body.AddRange(RouteSocket.Attribute(Gateway, gateway));
        if (route.Metric > 0)
            body.AddRange(RouteSocket.Attribute(Priority, BitConverter.GetBytes(route.Metric)));
        if (route.Device is { } device)
        {
            var index = (await Names(socket)).FirstOrDefault(pair => pair.Value == device).Key;
            if (index == 0)
                return Errno.ENODEV;
            body.AddRange(RouteSocket.Attribute(Interface, BitConverter.GetBytes(index)));
        }

        return await socket.Tell(isAdded ? NewRoute : DeleteRoute, isAdded ? RouteSocket.Create : (ushort)0, [.. body]);
    }

    private static async GuestTask<int> Show(CommandContext c, RouteSocket socket)
    {
        var names = await Names(socket);
        var (routes, error) = await socket.Dump(GetRoute, [Internet, .. new byte[MessageLength - 1]]);
        if (error != Errno.OK)
            return await c.Fail("RTM_GETROUTE", error);
        foreach (var route in routes)
        {
            const int table = 4, scope = 6;
            if (route[0] != Internet || route[table] != MainTable)
                continue;
            var line = new StringBuilder(Find(Destination) is { } to ? Address(to) + (route[1] == HostLength ? "" : $"/{route[1]}") : "default").Append(' ');
            if (Find(Gateway) is { } gateway)
                line.Append($"via {Address(gateway)} ");
            if (Find(Interface) is { } index)
                line.Append($"dev {names.GetValueOrDefault(BinaryPrimitives.ReadInt32LittleEndian(index), "?")} ");
            if (route[scope] != 0)
                line.Append($"scope {route[scope] switch { LinkScope => "link", 254 => "host", Nowhere => "nowhere", var other => $"{other}" }} ");
            if (Find(Source) is { } source)
                line.Append($" src {Address(source)} ");
            if (Find(Priority) is { } metric)
                line.Append($" metric {BinaryPrimitives.ReadUInt32LittleEndian(metric)} ");
            c.Print(line.Append('\n').ToString());

            byte[]? Find(ushort type) => RouteSocket.Find(route, MessageLength, type);
        }

        return 0;
    }

    /// <summary>/proc/net/route: interface, destination, gateway, flags, references, use, metric, mask; addresses as the processor's numbers, in hexadecimal.</summary>
    private static async GuestTask<int> List(CommandContext c, bool isNumeric)
    {
        c.Print("Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n");
        var file = await c.Files.ReadFile("/proc/net/route");
        foreach (var line in Encoding.UTF8.GetString(file.Bytes).Split('\n').Skip(1))
        {
            var n = line.Split((char[])['\t', ' '], StringSplitOptions.RemoveEmptyEntries);
            if (n.Length < 8 || !uint.TryParse(n[1], NumberStyles.HexNumber, null, out var to) || !uint.TryParse(n[2], NumberStyles.HexNumber, null, out var gateway)
                || !uint.TryParse(n[7], NumberStyles.HexNumber, null, out var mask) || !uint.TryParse(n[3], NumberStyles.HexNumber, null, out var flags))
                continue;
            var letters = string.Concat("UGH".Where((_, bit) => (flags & (1u << bit)) != 0));
            c.Print($"{Name(to, "default"),-15} {Name(gateway, "*"),-15} {Name(mask, "0.0.0.0"),-16}{letters,-6}{n[6],-6} {n[4],-2} {n[5],7} {n[0]}\n");
        }

        return file.Error == Errno.OK ? 0 : await c.Fail("/proc/net/route", file.Error);

        string Name(uint address, string ofNone) => address == 0 && !isNumeric ? ofNone : Address(BitConverter.GetBytes(address));
    }

    private static async GuestTask<Dictionary<int, string>> Names(RouteSocket socket)
    {
        var names = new Dictionary<int, string>();
        foreach (var link in (await socket.Dump(GetLink, new byte[LinkLength])).Messages)
        {
            if (RouteSocket.Find(link, LinkLength, LinkName) is { } name)
                names[BinaryPrimitives.ReadInt32LittleEndian(link.AsSpan(4))] = Encoding.UTF8.GetString(name).TrimEnd('\0');
        }

        return names;
    }

    private static string Address(byte[] bytes) => new IPAddress(bytes).ToString();

    private readonly record struct Route(byte[] Destination, byte Length, byte[]? Gateway, string? Device, uint Metric);
}
