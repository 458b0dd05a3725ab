using Lkm.Formats;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>What kmem_cache_create() does when there can be no cache (mm/slab_common.c): it warns with the stack, in the image's own words, or panics where the flags say so.</summary>
internal sealed class CacheFailure(GuestMemory memory, KernelImage image, GuestCalls calls, CallChain chain)
{
    private static readonly string[] s_functions = ["__kmem_cache_create_args", "kmem_cache_create_usercopy"];

    /// <summary>Says so; a function that creates caches has just been entered.</summary>
    /// <param name="name">The cache's name: a string of the guest, or 0.</param>
    /// <param name="error">Why there is none.</param>
    /// <param name="panics">Whether it was asked for with SLAB_PANIC.</param>
    public async GuestTask Tell(ulong name, Errno error, bool panics)
    {
        var function = Array.Find(s_functions, candidate => image.TrySymbol(candidate, out _)) ?? "kmem_cache_create";
        var (functionName, code) = (ImageText.Find(memory, image, function), (ulong)-(long)error);
        if (panics)
        {
            await calls.Call(image.Symbol("panic"), ImageText.FindByEnd(memory, image, "%s: Failed to create slab '%s'. Error %d\n"), functionName, name, code);
            return;
        }

        if (ImageText.FindByEnd(memory, image, "%s(%s) failed with error %d\n") is var text and not 0)
            await calls.Call(image.Printk, text, functionName, name, code);
        else if (ImageText.FindByEnd(memory, image, "kmem_cache_create(%s) failed with error %d\n") is var older and not 0)
            await calls.Call(image.Printk, older, name, code); // before 5.14
        var inner = calls.InstructionPointer == image.SymbolOrZero(function) ? 0 : chain.Sites.Find("kmem_cache_create", function);
        var site = chain.Sites.Find(function + ".cold", "dump_stack") is var cold and not 0 ? cold : chain.Sites.Find(function, "dump_stack");
        await chain.Call([inner, site], image.Symbol("dump_stack"));
    }
}
