using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>modinfo(8).</summary>
internal static class ModinfoTool
{
    private const string Help = """
        Usage:
        	modinfo [options] <modulename|filename> [args]
        Options:
        	-a, --author                Print only 'author'
        	-d, --description           Print only 'description'
        	-l, --license               Print only 'license'
        	-p, --parameters            Print only 'parm'
        	-n, --filename              Print only 'filename'
        	-0, --null                  Use \0 instead of \n
        	-m, --modname               Handle argument as module name instead of alias or filename
        	-F, --field=FIELD           Print only provided FIELD
        	-k, --set-version=VERSION   Use VERSION instead of `uname -r`
        	-b, --basedir=DIR           Use DIR as filesystem root for /lib/modules
        	-V, --version               Show version
        	-h, --help                  Show this help

        """;

    private static readonly LongOption[] LongOptions =
    [
        new("author", false, 'a'), new("description", false, 'd'), new("license", false, 'l'), new("parameters", false, 'p'),
        new("filename", false, 'n'), new("null", false, '0'), new("modname", false, 'm'), new("field", true, 'F'), new("set-version", true, 'k'),
        new("basedir", true, 'b'), new("version", false, 'V'), new("help", false, 'h'), new("json", false, 1),
    ];

    public static int Run(ToolContext context, string[] arguments)
    {
        string? field = null, version = null, root = null;
        bool nul = false, byName = false, json = false;
        var options = context.Options(arguments, "adlpn0mF:k:b:Vh", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 1: json = true; break;
                case 'a': field = "author"; break;
                case 'd': field = "description"; break;
                case 'l': field = "license"; break;
                case 'p': field = "parm"; break;
                case 'n': field = "filename"; break;
                case '0': nul = true; break;
                case 'm': byName = true; break;
                case 'F': field = options.Value; break;
                case 'k': version = options.Value; break;
                case 'b': root = options.Value; break;
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                default: return 1;
            }
        }
        if (options.Operands.Count == 0)
        {
            return context.Log.Error("missing module or filename.");
        }
        var folder = ModuleDirectory.PathFor(version ?? context.Host.Release, root is null ? context.Root : ToolPaths.Absolute(root));
        if (context.FindModules is { } find && version is null && root is null && (byName || !options.Operands.All(IsModuleFile)))
        {
            var found = find();
            if (!found.Succeeded)
            {
                return context.Log.Error(found.Error);
            }
            folder = found.Value;
        }
        using var directory = ModuleDirectory.Open(folder);
        var modules = new ModuleContext(directory, ModprobeConfiguration.Empty, ResolutionRules.Kmod);
        var printer = new ModinfoPrinter(context, field, nul, json);
        var exitCode = 0;
        foreach (var argument in options.Operands)
        {
            exitCode |= Show(context, printer, modules, argument, byName);
        }
        printer.Finish();
        return exitCode;
    }

    private static bool IsModuleFile(string argument) => ModuleName.HasModuleExtension(argument) && HostFiles.IsFile(argument);

    private static int Show(ToolContext context, ModinfoPrinter printer, ModuleContext modules, string argument, bool byName)
    {
        if (byName)
        {
            var module = modules.ByName(argument);
            return module.Path is null && !module.IsBuiltIn
                ? context.Log.Error($"Module name {argument} not found.")
                : printer.Print(module);
        }
        if (IsModuleFile(argument))
        {
            return printer.Print(modules.ByPath(ToolPaths.Absolute(argument)));
        }
        var found = modules.Lookup(argument);
        if (found.Count == 0)
        {
            return context.Log.Error($"Module {argument} not found.");
        }
        var exitCode = 0;
        foreach (var module in found)
        {
            exitCode |= printer.Print(module);
        }
        return exitCode;
    }
}
