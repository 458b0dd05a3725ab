using System.Globalization;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Commands;

/// <summary>The <c>--memory</c> option: how much memory a kernel has.</summary>
internal static class MemorySize
{
    /// <summary>The option.</summary>
    public static CommandOption Option { get; } = new("--memory", "SIZE", "the kernel's memory, a multiple of 128M (default 1G)");

    private const ulong Unit = 128UL << 20;

    /// <summary>Reads a size such as <c>512M</c> or <c>2G</c>.</summary>
    /// <param name="text">The size; null when none was given.</param>
    /// <param name="bytes">The bytes; null for the usual size.</param>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? Read(string? text, out ulong? bytes)
    {
        bytes = null;
        if (text is null)
            return null;
        ulong factor = text.ToUpperInvariant() switch { [.., 'G'] => 1UL << 30, [.., 'M'] => 1UL << 20, _ => 0 };
        if (factor == 0 || !ulong.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong count)
            || count == 0 || count > Kernel.Boot.AddressSpace.MaximumRam / factor || count * factor % Unit != 0)
            return $"--memory {text}: takes a multiple of 128M up to {Kernel.Boot.AddressSpace.MaximumRam >> 30}G, such as 512M or 2G";
        bytes = count * factor;
        return null;
    }
}
