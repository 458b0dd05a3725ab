using System.Text;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm new</c>: a folder with a module that builds and runs.</summary>
internal static class NewCommand
{
    private const string DefaultTemplate = "hello";
    private const int LongestName = 55; // MODULE_NAME_LEN less its terminator

    private static readonly (string Name, string Summary)[] s_templates =
    [
        ("hello", "load, say hello, unload"),
        ("params", "parameters, one with checks of its own"),
        ("chardev", "a character device with read, write and ioctl"),
        ("procfs", "a file under /proc, by seq_file"),
        ("kprobe", "a probe on a function of the kernel"),
        ("timer", "a timer and a work item"),
        ("kthread", "a kernel thread that sleeps and is stopped"),
    ];

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "new",
        Operands = "NAME",
        Summary = "Start a module in a folder of its own",
        Details = "templates\n" + string.Join('\n', s_templates.Select(template => $"  {template.Name,-8}  {template.Summary}")),
        Options = [new("--template", "TEMPLATE", $"what to start from (default {DefaultTemplate})")],
        Examples = ["lkm new first && lkm run first", "lkm new drivers/box --template chardev"],
        LeastOperands = 1,
        MostOperands = 1,
        Run = Run,
    };

    /// <summary>The templates' names.</summary>
    public static IEnumerable<string> Templates => s_templates.Select(template => template.Name);

    private static int Run(Arguments arguments)
    {
        string folder = arguments.Operands[0].TrimEnd('/');
        string template = arguments.Value("--template") ?? DefaultTemplate;
        if (!Templates.Contains(template))
            return Screen.Misused($"new: no template '{template}'; there are {string.Join(", ", Templates)}");
        string name = Path.GetFileName(folder);
        if (!IsName(name))
            return Screen.Misused($"new: '{name}' cannot be a module's name: letters, digits and '_', not first a digit, at most {LongestName}");
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            return Screen.Fail($"{folder}: is there already, and not empty");
        try
        {
            Write(folder, name, template);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Screen.Fail($"{folder}: {failure.Message}");
        }
        Screen.Output.WriteLine($"{folder}/{name}.c is ready; run it with: lkm run {folder}");
        return ExitCode.Done;
    }

    private static void Write(string folder, string name, string template)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, $"{name}.c"), Template($"{template}.c", name));
        File.WriteAllText(Path.Combine(folder, "Makefile"), Template("Makefile", name));
        File.WriteAllText(Path.Combine(folder, ".gitignore"), Template("gitignore", name));
    }

    private static string Template(string file, string name)
    {
        using Stream stream = typeof(NewCommand).Assembly.GetManifestResourceStream($"templates/{file}")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().Replace("TEMPLATE", name, StringComparison.Ordinal);
    }

    /// <summary>The name is used in C, so it has to be an identifier.</summary>
    private static bool IsName(string name) =>
        name.Length is > 0 and <= LongestName && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
}
