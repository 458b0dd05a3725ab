using System.Runtime.CompilerServices;

namespace Lkm.Modules;

/// <summary>Orders what has to be inserted for one module. Each module's dependencies are visited once, so loops of soft dependencies end.</summary>
internal sealed class InsertPlanner(ModuleContext context)
{
    private readonly List<InsertStep> _steps = [];

    public List<InsertStep> Plan(ModuleEntry module, bool ignoreCommands)
    {
        module.RequiredBy = this;
        for (var i = 0; i < module.DependencyList.Count; i++)
        {
            module.DependencyList[i].RequiredBy = this;
        }
        Visit(module, ignoreCommands);
        return _steps;
    }

    private void Visit(ModuleEntry module, bool ignoreCommands)
    {
        // Soft dependencies are optional: a chain too long for the stack, which only a hostile configuration has, is followed no further.
        if (module.VisitedBy == this || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return;
        }
        module.VisitedBy = this;
        for (var i = 0; i < module.DependencyList.Count; i++)
        {
            AddWithSoftDependencies(module.DependencyList[i]);
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
        var soft = context.SoftDependenciesOf(module);
        for (var i = 0; i < soft.PreList.Count; i++)
        {
            Visit(soft.PreList[i], ignoreCommands: false);
        }
        var ignored = !soft.IsEmpty && !context.Rules.InstallCommandsBeatSoftDependencies;
        AddStep(module, ignored ? null : context.InstallCommandOf(module));
        for (var i = 0; i < soft.PostList.Count; i++)
        {
            Visit(soft.PostList[i], ignoreCommands: false);
        }
    }

    private void AddStep(ModuleEntry module, string? installCommand) =>
        _steps.Add(new(module, context.OptionsOf(module), installCommand, module.RequiredBy == this, context.MaskOf(module)));
}
