using System.Text.Json;
using Lkm.Cli.Checking;
using Lkm.Cli.CommandLine;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm check</c>: whether kernels will load a module.</summary>
internal static class CheckCommand
{
    private const int Schema = 1;

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "check",
        Operands = "MODULE.ko ...",
        Summary = "Tell whether a kernel will load a module, and if not, every reason",
        Details = """
            Compares architecture, version magic, struct module, the checksum of each symbol, licence and namespaces with the kernel's image and its modules.
            Nothing is booted or loaded. The exit code is 1 when one of the kernels refuses one of the modules.
            """,
        Options =
        [
            KernelOption.Option with { Help = KernelOption.Option.Help + "; may be repeated" },
            new("--json", null, "print one JSON document"),
        ],
        Examples = ["lkm check hello.ko --kernel debian:6.1 --kernel debian:6.12"],
        LeastOperands = 1,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        var results = new List<(string File, CheckResult Result)>();
        List<string> kernels = arguments.Values(KernelOption.Option.Name);
        foreach (string? wanted in kernels.Count == 0 ? new string?[] { null } : [.. kernels])
        {
            Outcome<KernelSource> source = KernelOption.Locator().Locate(wanted);
            if (!source.Succeeded)
                return Screen.Fail(source.Error);
            Outcome<KernelInterface> kernel = KernelInterface.Read(source.Value);
            if (!kernel.Succeeded)
                return Screen.Fail(kernel.Error);
            foreach (string file in arguments.Operands)
                results.Add((file, ModuleCheck.Run(source.Value.Version, kernel.Value, file)));
        }
        if (arguments.Has("--json"))
            WriteJson(results);
        else
            WriteText(results);
        int refused = results.Count(entry => !entry.Result.Loads);
        return refused == 0 ? ExitCode.Done : Screen.Fail(results.Count == 1
            ? $"{results[0].File} will not load into {results[0].Result.Kernel}: {results[0].Result.Refusals.Count} reasons"
            : $"{refused} of {results.Count} will not load");
    }

    private static void WriteText(List<(string File, CheckResult Result)> results)
    {
        foreach ((string file, CheckResult result) in results)
        {
            string needs = result.Needs.Count == 0 ? "" : $", after {string.Join(", ", result.Needs)}";
            Screen.Output.WriteLine($"{file}: {result.Kernel}: {(result.Loads ? "loads" + needs : "does not load")}");
            foreach (Refusal refusal in result.Refusals)
                Screen.Output.WriteLine($"    {refusal.Kind,-12}{(refusal.Symbol is { } symbol ? symbol + ": " : "")}{refusal.Text}");
        }
    }

    private static void WriteJson(List<(string File, CheckResult Result)> results)
    {
        using Stream output = Screen.OpenOutput();
        JsonReport.Write(output, Schema, json =>
        {
            json.WriteStartArray("checks");
            foreach ((string file, CheckResult result) in results)
            {
                json.WriteStartObject();
                json.WriteString("file", file);
                json.WriteString("kernel", result.Kernel);
                json.WriteBoolean("loads", result.Loads);
                JsonReport.WriteArray(json, "needs", result.Needs);
                json.WriteStartArray("refusals");
                foreach (Refusal refusal in result.Refusals)
                {
                    json.WriteStartObject();
                    json.WriteString("kind", refusal.Kind);
                    json.WriteString("symbol", refusal.Symbol);
                    json.WriteString("text", refusal.Text);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }
}
