using Lkm.Kernel.Boot;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// The stacks of their own that the interrupt stack table gives some exceptions (arch/x86/kernel/cpu/common.c, tss_setup_ist()): whoever walks a stack knows by the address
/// which one it is, says so (&lt;#DB&gt;), and goes on with the interrupted one.
/// </summary>
internal sealed class ExceptionStacks
{
    private readonly StructLayout _layout;

    /// <summary>Finds the stacks.</summary>
    public ExceptionStacks(KernelImage image) => _layout = image.Struct("cea_exception_stacks");

    /// <summary>Where the stack of double faults begins.</summary>
    public ulong DoubleFault => TopBelow("NMI_stack_guard");

    /// <summary>Where the stack of #DB begins.</summary>
    public ulong Debug => TopBelow("MCE_stack_guard");

    /// <summary>Maps them, with a page between two of them, and tells the kernel (percpu_setup_exception_stacks()).</summary>
    public void Write(GuestMemory memory, KernelImage image, PerCpuArea perCpu)
    {
        string[] members = ["DF_stack", "NMI_stack_guard", "NMI_stack", "DB_stack_guard", "DB_stack", "MCE_stack_guard"];
        for (var i = 0; i < members.Length; i += 2)
        {
            var (stack, end) = (_layout[members[i]], _layout[members[i + 1]]);
            memory.SetAccess(HookAddresses.ExceptionStacks + stack, end - stack, Shadow.Accessible);
        }

        memory.WriteUInt64(perCpu.Of(image.Symbol("cea_exception_stacks")), HookAddresses.ExceptionStacks);
    }

    private ulong TopBelow(string guard) => HookAddresses.ExceptionStacks + _layout[guard];
}
