using System.Reflection.Emit;

namespace Lkm.Machine.Translation;

/// <summary>A value known to the compiler: a constant, or what a local variable holds (perhaps a guest register's).</summary>
internal readonly record struct Value(LocalBuilder? Local, long Constant, int Register, bool Exists, int Extended = 0)
{
    internal static Value Of(LocalBuilder local) => new(local, 0, -1, true);

    /// <summary>Of which only so many bytes are not zero.</summary>
    internal static Value OfExtended(LocalBuilder local, int size) => new(local, 0, -1, true, size);

    internal static Value Of(long constant) => new(null, constant, -1, true);
}

/// <summary>
/// Where the flags are at a point of the code: the kind of the instruction that set them and its operands, in the manner of
/// <see cref="Flags"/>. Nothing of it is computed or stored before somebody asks or the method is left.
/// </summary>
internal sealed record FlagState
{
    /// <summary>They are in the record, and nothing more is known.</summary>
    internal static readonly FlagState Recorded = new() { IsRecorded = true };

    /// <summary>Whether the record has them.</summary>
    internal bool IsRecorded { get; init; }

    /// <summary>If it depends on the way taken here: the possible states. The first is <see cref="Recorded"/>.</summary>
    internal FlagState[]? Cases { get; init; }

    /// <summary>The variable that says which of the cases it is.</summary>
    internal LocalBuilder? Which { get; init; }

    /// <summary>How deep cases lie in cases.</summary>
    internal int Depth => Cases == null ? 0 : 1 + Cases.Max(static state => state.Depth);

    /// <summary>The kind, with the size in bits 4 to 7; 0 if it is not known.</summary>
    internal uint Kind { get; init; }

    /// <summary>The first operand; where it is missing, result and second operand say what it was.</summary>
    internal Value First { get; init; }

    /// <summary>The second operand; of <see cref="Flags.Inc"/>, <see cref="Flags.Dec"/> and <see cref="Flags.Mul"/> a flag.</summary>
    internal Value Second { get; init; }

    /// <summary>The result.</summary>
    internal Value Result { get; init; }

    /// <summary>The carry that an addition or subtraction took in.</summary>
    internal Value CarryIn { get; init; }

    /// <summary>What is laid over: <see cref="Flags.RotateLeft"/> and its kin, with the size.</summary>
    internal uint Overlay { get; init; }

    /// <summary>The value of what is laid over.</summary>
    internal Value Over { get; init; }

    internal uint Operation => Kind & 15;

    internal int Size => (int)(Kind >> 4) & 15;

    internal bool Mentions(LocalBuilder local) =>
        First.Local == local || Second.Local == local || Result.Local == local || CarryIn.Local == local || Over.Local == local
        || (Cases != null && Array.Exists(Cases, state => state.Mentions(local)));

    internal bool Mentions(int register) =>
        First.Register == register || Second.Register == register || Result.Register == register || CarryIn.Register == register
        || Over.Register == register || (Cases != null && Array.Exists(Cases, state => state.Mentions(register)));

    /// <summary>The same with a register's value kept elsewhere.</summary>
    internal FlagState Moved(int register, LocalBuilder to)
    {
        if (Cases != null)
            return this with { Cases = Array.ConvertAll(Cases, state => state.Moved(register, to)) };
        return Mentions(register)
            ? this with { First = Move(First), Second = Move(Second), Result = Move(Result), CarryIn = Move(CarryIn), Over = Move(Over) }
            : this;

        Value Move(Value value) => value.Exists && value.Register == register ? Value.Of(to) : value;
    }
}
