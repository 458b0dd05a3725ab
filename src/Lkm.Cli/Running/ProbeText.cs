using System.Globalization;
using System.Text;
using Lkm.Kernel.Probes;

namespace Lkm.Cli.Running;

/// <summary>What <c>lkm probe</c> prints.</summary>
internal static class ProbeText
{
    /// <summary>The function, as it was named.</summary>
    public static string Name(HostProbe probe) =>
        probe.Expression.Module is { } module ? $"{module}:{probe.Expression.Function}" : probe.Expression.Function;

    /// <summary>
    /// A line <c>[    2.171901] insmod/63 kmalloc_trace(size=64)</c>, and for a return <c>... -> 0xffff... (1200 ns)</c>; then the callers, a line
    /// each.
    /// </summary>
    public static string Format(ProbeEvent hit)
    {
        var text = new StringBuilder();
        long microseconds = hit.Nanoseconds / 1000;
        text.Append(CultureInfo.InvariantCulture, $"[{microseconds / 1_000_000,5}.{microseconds % 1_000_000:d6}] {hit.Comm}/{hit.Pid} {Name(hit.Probe)}");
        if (hit.IsReturn)
            return text.Append(CultureInfo.InvariantCulture, $" -> {hit.Fields[0].Value} ({hit.CalledFor} ns)\n").ToString();
        text.Append('(').AppendJoin(", ", hit.Fields.Select(field => $"{field.Label}={field.Value}")).Append(")\n");
        foreach (string caller in hit.Stack)
            text.Append("        ").Append(caller).Append('\n');
        return text.ToString();
    }

    /// <summary>How often a function was called, as a line.</summary>
    public static string Summary(HostProbe probe) => string.Create(CultureInfo.InvariantCulture, $"{Name(probe)}: {probe.Hits} calls\n");
}
