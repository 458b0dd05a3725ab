using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>The configuration as the tools read it, and what they say about it.</summary>
internal static class ToolConfiguration
{
    /// <summary>Reads modprobe's configuration.</summary>
    /// <param name="context">The tool.</param>
    /// <param name="moduleDirectory">The module directory in use.</param>
    /// <param name="paths">What to read instead of the system's own directories; empty for those.</param>
    public static ModprobeConfiguration Load(ToolContext context, string moduleDirectory, IReadOnlyList<string> paths)
    {
        var sources = ConfigurationSources.ForSystem(moduleDirectory, context.Root) with { UnderstandMask = !context.IsStrict };
        var configuration = ModprobeConfiguration.Load(paths.Count == 0 ? sources : sources with { Paths = paths, DeprecatedFile = null });
        if (configuration.HasProblems)
        {
            Report(context, configuration);
        }
        return configuration;
    }

    private static void Report(ToolContext context, ModprobeConfiguration configuration)
    {
        foreach (var problem in configuration.Problems)
        {
            Report(context, problem);
        }
    }

    private static void Report(ToolContext context, ConfigurationProblem problem)
    {
        if (problem.Kind is ConfigurationProblemKind.DeprecatedFile or ConfigurationProblemKind.Unreadable || !context.IsStrict)
        {
            context.Log.Warning(problem.ToString());
            return;
        }
        // kmod meets these before its tools have set their messages up: they come from the library, whatever -q and -s say.
        var function = problem.Kind switch
        {
            ConfigurationProblemKind.NestedDirectory => "conf_files_filter_out",
            ConfigurationProblemKind.BadKernelParameter => "kcmdline_parse_result",
            _ => "kmod_config_parse",
        };
        context.Log.Plain($"libkmod: ERROR: {function}: {problem}");
    }
}
