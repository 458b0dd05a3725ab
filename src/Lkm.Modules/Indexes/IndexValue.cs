namespace Lkm.Modules;

/// <summary>A value that an index holds for a key.</summary>
/// <param name="Priority">The place of the value's module in <c>modules.order</c>; lower comes first.</param>
/// <param name="Text">The value: a line of <c>modules.dep</c>, or a module's name.</param>
public sealed record IndexValue(uint Priority, string Text);
