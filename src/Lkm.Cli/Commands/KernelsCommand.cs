using System.Text.Json;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm kernels</c>: what <c>--kernel</c> can name.</summary>
internal static class KernelsCommand
{
    private const int Schema = 1;

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "kernels",
        Summary = "List the kernels that are here and those that run, or fetch one",
        Details = "Fetched kernels lie in a cache ($LKM_CACHE, else ~/.cache/lkm): nothing is installed.",
        Options =
        [
            new("--fetch", "KERNEL", "fetch the newest build of a series: debian:6.1, debian:6.12, debian:6.1-cloud"),
            new("--headers", null, "fetch what building needs too"),
            new("--json", null, "print one JSON document"),
        ],
        Examples = ["lkm kernels", "lkm kernels --fetch debian:6.12 --headers"],
        MostOperands = 0,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        KernelLocator locator = KernelOption.Locator();
        if (arguments.Value("--fetch") is { } wanted)
        {
            Outcome<KernelSource> fetched = locator.Update(wanted);
            if (fetched.Succeeded && arguments.Has("--headers"))
                fetched = locator.AddHeaders(fetched.Value);
            if (!fetched.Succeeded)
                return Screen.Fail(fetched.Error);
        }
        else if (arguments.Has("--headers"))
        {
            return Screen.Misused("kernels: --headers goes with --fetch KERNEL");
        }
        IReadOnlyList<KernelSource> kernels = locator.List();
        if (arguments.Has("--json"))
            WriteJson(kernels);
        else
            WriteTable(kernels);
        return ExitCode.Done;
    }

    /// <summary>The kernels that run now: name, release.</summary>
    private static IEnumerable<(string Name, string Release)> Running()
    {
        foreach (string name in DaemonPlace.Names())
        {
            Outcome<DaemonClient> client = DaemonClient.Connect(name, ofAnyVersion: true);
            if (!client.Succeeded)
                continue;
            using (client.Value)
                yield return (name, client.Value.Release);
        }
    }

    private static void WriteTable(IReadOnlyList<KernelSource> kernels)
    {
        foreach ((string name, string release) in Running())
            Screen.Output.WriteLine($"{release} runs as \"{name}\"");
        if (kernels.Count == 0)
        {
            Screen.Output.WriteLine($"none yet; {KernelLocator.Default} is fetched when it is first needed, or now: lkm kernels --fetch {KernelLocator.Default}");
            return;
        }
        int width = Math.Max("VERSION".Length, kernels.Max(kernel => kernel.Version.Length));
        Screen.Output.WriteLine($"{"VERSION".PadRight(width)}  FROM       HEADERS  IMAGE");
        foreach (KernelSource kernel in kernels)
        {
            string headers = kernel.HeadersDirectory is null ? "no" : "yes";
            Screen.Output.WriteLine($"{kernel.Version.PadRight(width)}  {Origin(kernel),-9}  {headers,-7}  {kernel.ImagePath}");
        }
    }

    private static void WriteJson(IReadOnlyList<KernelSource> kernels)
    {
        using Stream output = Screen.OpenOutput();
        JsonReport.Write(output, Schema, json =>
        {
            json.WriteStartArray("kernels");
            foreach (KernelSource kernel in kernels)
            {
                json.WriteStartObject();
                json.WriteString("version", kernel.Version);
                json.WriteString("from", Origin(kernel));
                json.WriteString("image", kernel.ImagePath);
                json.WriteString("modules", kernel.ModulesDirectory);
                json.WriteString("config", kernel.ConfigPath);
                json.WriteString("headers", kernel.HeadersDirectory);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartArray("running");
            foreach ((string name, string release) in Running())
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteString("version", release);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    private static string Origin(KernelSource kernel) => kernel.Origin == KernelOrigin.Debian ? "debian" : "installed";
}
