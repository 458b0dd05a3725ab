using Iced.Intel;

namespace Lkm.Machine;

internal sealed unsafe partial class Lowering
{
    private static Flow LowerVector(in Instruction i, Op* o) => Flow.Unsupported;
}
