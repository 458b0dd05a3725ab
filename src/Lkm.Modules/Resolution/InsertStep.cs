namespace Lkm.Modules;

/// <summary>One step of inserting a module with what it needs.</summary>
/// <param name="Module">The module to insert in this step.</param>
/// <param name="Options">Its parameters by the configuration, joined by spaces; empty if there are none.</param>
/// <param name="InstallCommand">The command to run instead of inserting the file; null for none.</param>
/// <param name="IsRequired">Whether failure of this step is failure of the whole: true for the module asked for and its dependencies, false for soft dependencies.</param>
/// <param name="Mask">The command that forbids this step; null for none.</param>
public sealed record InsertStep(ModuleEntry Module, string Options, string? InstallCommand, bool IsRequired, MaskCommand? Mask);
