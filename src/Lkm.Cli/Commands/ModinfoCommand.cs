using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Cli.Tools;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary>
/// <c>lkm modinfo</c>: modinfo(8), of files and of a kernel's own modules: those of the kernel that stays, else of the one that <c>lkm run</c> starts.
/// With <c>--host</c> it is the tool alone, for the machine's kernel.
/// </summary>
internal static class ModinfoCommand
{
    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = Name,
        Operands = "NAME|FILE ...",
        Summary = "Show what a module says of itself: a file, or one of the kernel's own by its name",
        RunWords = Run,
    };

    private const string Name = "modinfo";

    private static readonly string s_help = $"""
        Of lkm:
        	    --kernel=KERNEL         Modules of that kernel ({KernelLocator.Default} if none runs)
        	    --name=NAME             Modules of the kernel that runs under that name
        	    --host                  Modules of this machine
        	    --json                  Print one JSON document

        """;

    private static int Run(string[] words)
    {
        (string? kernel, string? running) = (null, null);
        var rest = new List<string>(words.Length);
        for (int at = 0; at < words.Length; at++)
        {
            if (words[at] == "--")
            {
                rest.AddRange(words.AsSpan(at));
                break;
            }
            if (!TryTake(words, ref at, KernelOption.Option.Name, ref kernel) && !TryTake(words, ref at, NameOption.Option.Name, ref running))
                rest.Add(words[at]);
        }
        int status = ToolNames.RunImproved(Name, [.. rest], () => FindModules(kernel, running));
        if (rest is [.., "-h" or "--help"])
            Screen.Output.Write(s_help);
        return status;
    }

    /// <summary>Takes an option and its value, which is the next word or stands behind "=".</summary>
    private static bool TryTake(string[] words, ref int at, string option, ref string? value)
    {
        if (words[at] == option && at + 1 < words.Length)
            value = words[++at];
        else if (words[at].StartsWith($"{option}=", StringComparison.Ordinal))
            value = words[at][(option.Length + 1)..];
        else
            return false;
        return true;
    }

    /// <summary>The folder of the modules of the kernel that is meant.</summary>
    private static Outcome<string> FindModules(string? kernel, string? running)
    {
        if (kernel is null)
        {
            Outcome<DaemonClient> client = DaemonClient.Connect(running);
            if (client.Succeeded)
            {
                using DaemonClient connected = client.Value;
                kernel = connected.Release;
            }
            else if (running is not null)
                return Outcome<string>.Failure(client.Error);
        }
        Outcome<KernelSource> found = KernelOption.Locator().Locate(kernel);
        if (!found.Succeeded)
            return Outcome<string>.Failure(found.Error);
        return found.Value.ModulesDirectory is { } directory ? directory : Outcome<string>.Failure($"{found.Value.Version} has no modules here");
    }
}
