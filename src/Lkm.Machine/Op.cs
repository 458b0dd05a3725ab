using System.Runtime.InteropServices;

namespace Lkm.Machine;

/// <summary>
/// One instruction, decoded: a handler and what it works on. Ops of a trace lie one after the other; a handler goes on to the
/// next one or to the target of a jump by a tail call.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal unsafe struct Op
{
    /// <summary>The handler: see <see cref="Handlers"/>.</summary>
    [FieldOffset(0)] internal nint Handler;

    /// <summary>Of a jump or call: the op at its target, once it is known.</summary>
    [FieldOffset(8)] internal Op* Target;

    /// <summary>Of everything else: what the general handlers need to know.</summary>
    [FieldOffset(8)] internal OpInfo Info;

    /// <summary>The immediate, or the address of a jump's target.</summary>
    [FieldOffset(16)] internal ulong Imm;

    /// <summary>The displacement of the memory operand.</summary>
    [FieldOffset(24)] internal long Disp;

    /// <summary>Where the instruction is.</summary>
    [FieldOffset(32)] internal ulong Rip;

    /// <summary>Destination register.</summary>
    [FieldOffset(40)] internal byte D;

    /// <summary>Source register.</summary>
    [FieldOffset(41)] internal byte S;

    /// <summary>Base register of the memory operand.</summary>
    [FieldOffset(42)] internal byte B;

    /// <summary>Index register of the memory operand.</summary>
    [FieldOffset(43)] internal byte X;

    /// <summary>How far the index is shifted.</summary>
    [FieldOffset(44)] internal byte Scale;

    /// <summary>Bytes of the instruction (of both, if two were joined).</summary>
    [FieldOffset(45)] internal byte Length;

    /// <summary>Instructions before this one that are not charged yet.</summary>
    [FieldOffset(46)] internal ushort Index;

    internal readonly ulong Next => Rip + Length;
}

/// <summary>Operands of an op that has no handler of its own for exactly this form.</summary>
internal struct OpInfo
{
    /// <summary>Bytes of the operation.</summary>
    internal byte Size;

    /// <summary>Bytes of the source, where it differs.</summary>
    internal byte SourceSize;

    /// <summary>Which of a family of operations; a condition code.</summary>
    internal byte Select;

    /// <summary>Where the operands are.</summary>
    internal OpFlags Flags;

    /// <summary>A third register.</summary>
    internal byte Extra;
}

[Flags]
internal enum OpFlags : byte
{
    None = 0,

    /// <summary>The destination (first operand) is in memory.</summary>
    MemoryDestination = 1,

    /// <summary>The source is in memory.</summary>
    MemorySource = 2,

    /// <summary>The source is the immediate.</summary>
    Immediate = 4,

    /// <summary>The destination is AH, CH, DH or BH.</summary>
    HighDestination = 8,

    /// <summary>The source is AH, CH, DH or BH.</summary>
    HighSource = 16,

    /// <summary>The address is 32 bits wide.</summary>
    Address32 = 32,

    /// <summary>The base of FS is added to a base and an index.</summary>
    FsBase = 64,

    /// <summary>The base of GS is added to a base and an index.</summary>
    GsBase = 128,
}
