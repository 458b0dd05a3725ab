namespace Lkm.Kernel.Modules;

/// <summary>Something that happened while a module was loaded or unloaded; for traces. Made only when somebody observes.</summary>
/// <param name="Module">The module's name.</param>
public abstract record ModuleLoadEvent(string Module);

/// <summary>A check passed.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Check">What was checked.</param>
/// <param name="Detail">What was found.</param>
public sealed record CheckPassed(string Module, string Check, string Detail) : ModuleLoadEvent(Module);

/// <summary>A section has its place.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Section">The section's name.</param>
/// <param name="Address">Its address.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Part">The part of the module that it lies in.</param>
public sealed record SectionPlaced(string Module, string Section, ulong Address, ulong Size, ModulePart Part) : ModuleLoadEvent(Module);

/// <summary>An undefined symbol was found.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Symbol">The symbol.</param>
/// <param name="Address">Its address.</param>
/// <param name="Owner">The module that exports it; null for the kernel.</param>
/// <param name="GplOnly">Whether only GPL-compatible modules may use it.</param>
public sealed record SymbolResolved(string Module, string Symbol, ulong Address, string? Owner, bool GplOnly) : ModuleLoadEvent(Module);

/// <summary>The relocations of a section were applied.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Section">The section that was changed.</param>
/// <param name="Count">The number of relocations.</param>
public sealed record SectionRelocated(string Module, string Section, int Count) : ModuleLoadEvent(Module);

/// <summary>A parameter was set.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Parameter">The parameter.</param>
/// <param name="Value">Its value; null where none was given.</param>
/// <param name="Code">What its setter returned.</param>
public sealed record ParameterSet(string Module, string Parameter, string? Value, int Code) : ModuleLoadEvent(Module);

/// <summary>The module entered a state.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="State">The state; null when the module is gone.</param>
public sealed record StateEntered(string Module, ModuleState? State) : ModuleLoadEvent(Module);

/// <summary>The module's init function returned.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Code">What it returned.</param>
public sealed record InitReturned(string Module, int Code) : ModuleLoadEvent(Module);
