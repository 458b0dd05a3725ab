using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>Asks the configuration whether a file's module is masked, for tools that otherwise need no configuration.</summary>
internal static class MaskCheck
{
    public static MaskCommand? Find(ToolContext context, string file)
    {
        if (context.IsStrict)
        {
            return null;
        }
        var directory = ModuleDirectory.PathFor(context.Host.Release, context.Root);
        var modules = new ModuleContext(ModuleDirectory.Open(directory), ToolConfiguration.Load(context, directory, []));
        return modules.MaskOf(modules.ByPath(file));
    }
}
