using System.Runtime.CompilerServices;

namespace Lkm.Modules;

/// <summary>Orders what has to be inserted for one module. Each module's dependencies are visited once, so loops of soft dependencies end.</summary>
internal sealed class InsertPlanner(ModuleContext context)
{
    private readonly HashSet<ModuleEntry> _visited = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<ModuleEntry> _required = new(ReferenceEqualityComparer.Instance);
    private readonly List<InsertStep> _steps = [];

    public IReadOnlyList<InsertStep> Plan(ModuleEntry module, bool ignoreCommands)
    {
        _required.Add(module);
        _required.UnionWith(module.Dependencies);
        Visit(module, ignoreCommands);
        return _steps;
    }

    private void Visit(ModuleEntry module, bool ignoreCommands)
    {
        // Soft dependencies are optional: a chain too long for the stack, which only a hostile configuration has, is followed no further.
        if (!_visited.Add(module) || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return;
        }
        foreach (var dependency in module.Dependencies)
        {
            AddWithSoftDependencies(dependency);
        }
        if (ignoreCommands)
        {
            AddStep(module, installCommand: null);
        }
        else
        {
            AddWithSoftDependencies(module);
        }
    }

    private void AddWithSoftDependencies(ModuleEntry module)
    {
        var (pre, post) = context.SoftDependenciesOf(module);
        foreach (var before in pre)
        {
            Visit(before, ignoreCommands: false);
        }
        var ignored = pre.Count + post.Count > 0 && !context.Rules.InstallCommandsBeatSoftDependencies;
        AddStep(module, ignored ? null : context.InstallCommandOf(module));
        foreach (var after in post)
        {
            Visit(after, ignoreCommands: false);
        }
    }

    private void AddStep(ModuleEntry module, string? installCommand) =>
        _steps.Add(new(module, context.OptionsOf(module), installCommand, _required.Contains(module), context.MaskOf(module)));
}
