using System.Globalization;
using System.Text.RegularExpressions;
using Lkm.Kernel.Modules;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>
/// A session of loading and unloading, good modules and bad ones, as a real 6.1.0-56-amd64 went through it under QEMU: every return value
/// and every line of the log must be the same here.
/// </summary>
[Collection(KernelCollection.Name)]
public sealed partial class RealLinuxTests
{
    [Fact]
    public void Session_goes_as_on_real_linux()
    {
        using var kernel = new KernelWithModules();
        var differences = new List<string>();
        foreach (var step in RealLinuxStep.Read(Path.Combine(AppContext.BaseDirectory, "Modules", "real-linux-6.1.txt")))
        {
            var first = kernel.Kernel.Log.Next;
            var result = Run(kernel, step.Request);
            var log = kernel.Kernel.Log.Since(first)
                .Where(record => !IsStackDump(record.Text)).Select(record => Normalise($"{record.Level} {record.Text}")).ToArray();
            if (result.Code != step.Code || !log.SequenceEqual(step.Log.Select(Normalise)))
            {
                differences.Add($"line {step.Line}: {step.Request}\n  real {step.Code}, here {result.Code}: {result.Explanation}\n"
                    + string.Concat(step.Log.Select(line => $"  - {line}\n")) + string.Concat(log.Select(line => $"  + {line}\n")));
            }
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    private static ModuleLoadResult Run(KernelWithModules kernel, string request)
    {
        var parts = request.Split(' ', 4);
        return parts[0] == "load"
            ? kernel.Load(parts[1], parts.Length > 3 ? parts[3] : "", (ModuleLoadFlags)Number(parts[2]))
            : kernel.Unload(parts[1], (ModuleUnloadFlags)Number(parts[2]));
    }

    private static int Number(string text) =>
        text.StartsWith("0x", StringComparison.Ordinal) ? int.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : int.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>What dump_stack() prints differs with the caller and the machine.</summary>
    private static bool IsStackDump(string text) =>
        text.StartsWith(' ') || text.StartsWith("CPU: ", StringComparison.Ordinal) || text.StartsWith("Hardware name: ", StringComparison.Ordinal)
        || text.StartsWith("Call Trace:", StringComparison.Ordinal) || StackDumpLine().IsMatch(text);

    /// <summary>Addresses and the release that the patched modules pretend to be for differ.</summary>
    private static string Normalise(string line) => Address().Replace(line, "$1 ADDRESS");

    [GeneratedRegex("^(RIP|Code|RSP|R[A-D0-9][X0-9P]+|FS|CS|CR2): ")]
    private static partial Regex StackDumpLine();

    [GeneratedRegex(@"\b(loc|val) (\(____ptrval____\)|[0-9a-f]+)")]
    private static partial Regex Address();
}
