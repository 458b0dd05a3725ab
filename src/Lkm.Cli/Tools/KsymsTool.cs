using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>
/// ksyms: the kernel's symbols with the modules that they come from, as modutils of Linux 2.4 showed them. kmod has no such tool.
/// Exported symbols are those that have a <c>__ksymtab_</c> companion in /proc/kallsyms.
/// </summary>
internal static class KsymsTool
{
    private const string Help = """
        Usage:
        	ksyms [options] [pattern ...]
        Options:
        	-a, --all         all symbols, not only exported ones
        	-m, --modules     list modules with the numbers of their symbols
        	-H, --noheader    leave out the header
        	-V, --version     show version
        	-h, --help        show this help

        """;

    private static readonly LongOption[] LongOptions =
    [
        new("all", false, 'a'), new("modules", false, 'm'), new("noheader", false, 'H'), new("version", false, 'V'), new("help", false, 'h'), new("json", false, 1),
    ];

    private readonly record struct Symbol(string Address, string Name, string Module);

    public static int Run(ToolContext context, string[] arguments)
    {
        bool all = false, perModule = false, header = true, json = false;
        var options = context.Options(arguments, "amHVh", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 'a': all = true; break;
                case 'm': perModule = true; break;
                case 'H': header = false; break;
                case 1: json = true; break;
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                default: return 1;
            }
        }
        List<Symbol> symbols;
        try
        {
            symbols = Read(context, $"{context.Root}/proc/kallsyms", all, [.. options.Operands]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return context.Log.Error($"could not open /proc/kallsyms: {ToolErrors.Describe(e)}");
        }
        if (json)
        {
            PrintJson(context, symbols);
        }
        else if (perModule)
        {
            PrintModules(context, symbols, header);
        }
        else
        {
            Print(context, symbols, header);
        }
        return 0;
    }

    private static List<Symbol> Read(ToolContext context, string path, bool all, string[] patterns)
    {
        var globals = new HashSet<string>();
        var symbols = new List<Symbol>();
        var exported = new HashSet<string>();
        foreach (var line in File.ReadLines(path))
        {
            // ffffffffc0200010 t name	[module]
            var fields = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 3)
            {
                continue;
            }
            var name = fields[2];
            if (name.StartsWith("__ksymtab_", StringComparison.Ordinal))
            {
                exported.Add(name["__ksymtab_".Length..]);
            }
            if (char.IsAsciiLetterUpper(fields[1][0]))
            {
                globals.Add(name);
            }
            symbols.Add(new(fields[0], name, fields.Length > 3 ? fields[3].Trim('[', ']') : ""));
        }
        if (exported.Count == 0 && !all)
        {
            context.Log.Warning("this kernel does not tell which symbols it exports; these are all global ones");
            exported = globals;
        }
        return symbols.FindAll(symbol => (all || exported.Contains(symbol.Name)) && Fits(symbol.Name, patterns));
    }

    private static bool Fits(string name, string[] patterns) =>
        patterns.Length == 0 || Array.Exists(patterns, pattern => Wildcard.IsMatch(pattern, name));

    private static void Print(ToolContext context, List<Symbol> symbols, bool header)
    {
        if (header)
        {
            context.Output.Write("Address           Symbol                            Defined by\n");
        }
        foreach (var symbol in symbols)
        {
            context.Output.WriteLine(symbol.Module.Length == 0
                ? $"{symbol.Address,-16}  {symbol.Name}"
                : $"{symbol.Address,-16}  {symbol.Name,-32}  [{symbol.Module}]");
        }
    }

    private static void PrintModules(ToolContext context, List<Symbol> symbols, bool header)
    {
        if (header)
        {
            context.Output.Write("Symbols  Module\n");
        }
        foreach (var module in symbols.GroupBy(static symbol => symbol.Module).OrderBy(static group => group.Key, StringComparer.Ordinal))
        {
            context.Output.WriteLine($"{module.Count(),7}  {(module.Key.Length == 0 ? "(kernel)" : module.Key)}");
        }
    }

    private static void PrintJson(ToolContext context, List<Symbol> symbols) => ToolJson.Write(context.Output, json =>
    {
        json.WriteStartArray("symbols");
        foreach (var symbol in symbols)
        {
            json.WriteStartObject();
            json.WriteString("address", symbol.Address);
            json.WriteString("name", symbol.Name);
            json.WriteString("module", symbol.Module.Length == 0 ? null : symbol.Module);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });
}
