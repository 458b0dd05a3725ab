using System.Globalization;

namespace Lkm.Modules;

/// <summary>
/// A node in /dev whose opening loads a module (<c>modules.devname</c>), from the module's aliases <c>devname:NAME</c> and
/// <c>char-major-MAJOR-MINOR</c> or <c>block-major-MAJOR-MINOR</c>.
/// </summary>
/// <param name="Module">The module's name.</param>
/// <param name="DeviceName">The node's path below /dev; null if no alias names one.</param>
/// <param name="Type"><c>c</c> or <c>b</c>; NUL if no alias gives numbers.</param>
/// <param name="Major">The device's major number.</param>
/// <param name="Minor">The device's minor number.</param>
public sealed record DeviceNode(string Module, string? DeviceName, char Type, uint Major, uint Minor)
{
    /// <summary>The line of <c>modules.devname</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Module} {DeviceName} {Type}{Major}:{Minor}");

    /// <summary>Puts a module's node together.</summary>
    public static DeviceNode FromAliases(string module, IReadOnlyList<string> aliases)
    {
        var node = new DeviceNode(module, null, '\0', 0, 0);
        foreach (var alias in aliases)
        {
            if (alias.StartsWith("devname:", StringComparison.Ordinal))
            {
                node = node with { DeviceName = alias["devname:".Length..] };
            }
            else if (TryNumbers(alias, "char-major-", out var major, out var minor))
            {
                node = node with { Type = 'c', Major = major, Minor = minor };
            }
            else if (TryNumbers(alias, "block-major-", out major, out minor))
            {
                node = node with { Type = 'b', Major = major, Minor = minor };
            }
            if (node is { DeviceName: not null, Type: not '\0' })
            {
                break;
            }
        }
        return node;
    }

    /// <summary>Takes a line of <c>modules.devname</c> apart; null if it is malformed.</summary>
    public static DeviceNode? Parse(ReadOnlySpan<char> line)
    {
        var module = ConfigurationLines.TakeWord(ref line);
        var name = ConfigurationLines.TakeWord(ref line);
        var device = ConfigurationLines.TakeWord(ref line);
        var colon = device.IndexOf(':');
        return !name.IsEmpty && colon > 1 && device[0] is 'c' or 'b'
            && uint.TryParse(device[1..colon], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && uint.TryParse(device[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
            ? new(module.ToString(), name.ToString(), device[0], major, minor)
            : null;
    }

    private static bool TryNumbers(string alias, string prefix, out uint major, out uint minor)
    {
        (major, minor) = (0, 0);
        if (!alias.StartsWith(prefix, StringComparison.Ordinal))
        {
            return false;
        }
        var numbers = alias.AsSpan(prefix.Length);
        var dash = numbers.IndexOf('-');
        return dash > 0 && uint.TryParse(numbers[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out major)
            && uint.TryParse(numbers[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out minor);
    }
}
