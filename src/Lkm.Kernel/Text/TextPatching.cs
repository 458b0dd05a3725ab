using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Text;

/// <summary>
/// Changes of code: static keys and calls, ftrace sites, kprobes, alternatives. Linux writes through a temporary mapping, with a
/// breakpoint while other processors may run the place (arch/x86/kernel/alternative.c); here there is one processor, which is not
/// running guest code now, so the bytes are written and what the processor decoded of them is dropped.
/// </summary>
public sealed partial class TextPatching(Cpu cpu, GuestMemory memory, KernelImage image)
{
    /// <summary>Since 5.19 __text_poke() is told how: by copying, or by filling.</summary>
    private readonly ulong _fill = image.SymbolOrZero("text_poke_memset");

    /// <summary>Writes code.</summary>
    public void Poke(ulong address, ReadOnlySpan<byte> code)
    {
        code.CopyTo(memory.Span(address, code.Length));
        cpu.InvalidateCode(address, (ulong)code.Length);
    }

    [KernelFunction("text_poke_early")]
    [KernelFunction("text_poke")]
    [KernelFunction("text_poke_kgdb")]
    [KernelFunction("text_poke_copy")]
    [KernelFunction("text_poke_copy_locked")]
    private ulong TextPoke(ulong address, ulong code, ulong length)
    {
        Poke(address, memory.Span(code, (int)length));
        return address;
    }

    [KernelFunction("text_poke_bp")]
    [KernelFunction("text_poke_queue")]
    [KernelFunction("smp_text_poke_single", Since = "6.16")]
    [KernelFunction("smp_text_poke_batch_add", Since = "6.16")]
    private void TextPokeBreakpoint(ulong address, ulong code, ulong length, ulong emulate)
    {
        _ = emulate;
        Poke(address, memory.Span(code, (int)length));
    }

    /// <summary>What text_poke() and its kin come down to, where the compiler has inlined them.</summary>
    [KernelFunction("__text_poke")]
    private ulong TextPokeInline(CallFrame frame)
    {
        if (_fill == 0)
            return TextPoke(frame.Argument(0), frame.Argument(1), frame.Argument(2));
        var (how, address, source, length) = (frame.Argument(0), frame.Argument(1), frame.Argument(2), frame.Argument(3));
        return how == _fill ? TextPokeSet(address, memory.ReadInt32(source), length) : TextPoke(address, source, length);
    }

    [KernelFunction("text_poke_set")]
    private ulong TextPokeSet(ulong address, int value, ulong length)
    {
        memory.Fill(address, length, (byte)value);
        cpu.InvalidateCode(address, length);
        return address;
    }

    /// <summary>
    /// Indirect calls go through their thunks, as on processors of Linux's that need retpolines (nearly all of those do, and QEMU's), so that
    /// the return addresses in call traces are those seen there. What the thunks themselves do is an alternative, which is a plain jump.
    /// </summary>
    [KernelFunction("apply_retpolines")]
    private void ApplyRetpolines(ulong start, ulong end) => _ = (start, end);

    [KernelFunction("text_poke_finish")]
    [KernelFunction("text_poke_sync")]
    [KernelFunction("smp_text_poke_batch_finish", Since = "6.16")]
    [KernelFunction("smp_text_poke_sync_each_cpu", Since = "6.16")]
    private void TextPokeFinish()
    {
        // Nothing was queued and no other processor has stale instructions.
    }
}
