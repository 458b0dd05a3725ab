namespace Lkm.Machine;

/// <summary>Operations on registers that have a handler which leaves the flags alone.</summary>
internal enum SilentOperation
{
    None, Move, Add, Sub, And, Or, Xor, ShiftLeft, ShiftRight, ShiftRightSigned, RotateLeft, LoadAddress, LoadIndexedAddress,
}

/// <summary>An operation without its flags.</summary>
internal readonly struct Silent<TOperation> : IOperation
    where TOperation : struct, IOperation
{
    public static uint Kind => Flags.Literal;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => TOperation.Do(a, b);
}

internal readonly struct LeftShift : IOperation
{
    public static uint Kind => Flags.Literal;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a << (int)b;
}

internal readonly struct RightShift<TSize> : IOperation
    where TSize : struct, ISize
{
    public static uint Kind => Flags.Literal;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => TSize.Truncate(a) >> (int)b;
}

internal readonly struct SignedRightShift<TSize> : IOperation
    where TSize : struct, ISize
{
    public static uint Kind => Flags.Literal;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => (ulong)(TSize.Signed(a) >> (int)b);
}

internal readonly struct LeftRotation<TSize> : IOperation
    where TSize : struct, ISize
{
    public static uint Kind => Flags.Literal;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => TSize.Bytes == 8
        ? System.Numerics.BitOperations.RotateLeft(a, (int)b)
        : System.Numerics.BitOperations.RotateLeft((uint)a, (int)b);
}

// Handlers for operations whose flags nobody can see.
internal static unsafe partial class Handlers
{
    internal static Handler ChooseSilent(SilentOperation operation, int size, bool immediate) => size == 4
        ? ChooseSilent<Size4>(operation, immediate)
        : ChooseSilent<Size8>(operation, immediate);

    private static Handler ChooseSilent<TSize>(SilentOperation operation, bool immediate)
        where TSize : struct, ISize => operation switch
        {
            SilentOperation.Add => ChooseSilent<AddOperation, TSize>(immediate),
            SilentOperation.Sub => ChooseSilent<SubOperation, TSize>(immediate),
            SilentOperation.And => ChooseSilent<AndOperation, TSize>(immediate),
            SilentOperation.Or => ChooseSilent<OrOperation, TSize>(immediate),
            SilentOperation.Xor => ChooseSilent<XorOperation, TSize>(immediate),
            SilentOperation.ShiftLeft => Shifted<LeftShift, TSize>(),
            SilentOperation.ShiftRight => Shifted<RightShift<TSize>, TSize>(),
            SilentOperation.ShiftRightSigned => Shifted<SignedRightShift<TSize>, TSize>(),
            _ => Shifted<LeftRotation<TSize>, TSize>(),
        };

    private static Handler ChooseSilent<TOperation, TSize>(bool immediate)
        where TOperation : struct, IOperation
        where TSize : struct, ISize =>
        immediate ? &Operate<Silent<TOperation>, TSize, RegisterImmediate> : &Operate<Silent<TOperation>, TSize, RegisterRegister>;

    private static Handler Shifted<TOperation, TSize>()
        where TOperation : struct, IOperation
        where TSize : struct, ISize => &Operate<TOperation, TSize, RegisterImmediate>;
}
