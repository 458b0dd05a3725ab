namespace Lkm.Kernel.Memory;

/// <summary>An area of vmalloc or module space, as lists of all give it.</summary>
/// <param name="Start">Its address.</param>
/// <param name="Pages">Its size in pages, without the guard page.</param>
/// <param name="Caller">The code that asked for it, or 0.</param>
internal sealed record VmallocRange(ulong Start, ulong Pages, ulong Caller);
