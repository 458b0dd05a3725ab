using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>What the log says when there is no place for a per-CPU variable (mm/percpu.c, pcpu_alloc()), in the image's own words.</summary>
internal sealed class PerCpuExhaustion(GuestMemory memory, KernelImage image, GuestCalls calls, CallChain chain)
{
    private int _left = 10; // warn_limit

    /// <summary>Warns, the first times.</summary>
    public async GuestTask Warn(ulong size, ulong align, string lack)
    {
        const ulong notAtomic = 0;
        var text = ImageText.FindByEnd(memory, image, "allocation failed, size=%zu align=%zu atomic=%d, %s\n");
        if (_left == 0 || text == 0)
            return;
        await calls.Call(image.Printk, text, size, align, notAtomic, ImageText.Find(memory, image, lack));
        await chain.Call([chain.Sites.Find("pcpu_alloc.cold", "dump_stack")], image.Symbol("dump_stack"));
        if (--_left == 0 && ImageText.FindByEnd(memory, image, "limit reached, disable warning\n") is var last and not 0)
            await calls.Call(image.Printk, last);
    }
}
