using Iced.Intel;

namespace Lkm.Machine;

// The forms that code is mostly made of, each with a handler of its own.
internal sealed unsafe partial class Lowering
{
    private const uint UnknownFlags = uint.MaxValue;

    /// <summary>The kind and size of the flags at this point of the trace, if that is known.</summary>
    private uint _flagKind;

    private bool LowerHot(in Instruction i, Op* o, out Flow flow)
    {
        flow = Flow.Next;
        return _flagKind == 0;
    }
}
