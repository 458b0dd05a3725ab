using Iced.Intel;

namespace Lkm.Machine;

// From the decoder's operands to an op's fields.
internal sealed unsafe partial class Lowering
{
    /// <summary>Fills in both operands of an instruction for a general handler.</summary>
    private static void Operands(in Instruction instruction, Op* o)
    {
        var size = 0;
        switch (instruction.Op0Kind)
        {
            case OpKind.Register:
                o->D = General(instruction.Op0Register, out size, out var high);
                if (high)
                    o->Info.Flags |= OpFlags.HighDestination;
                break;
            case OpKind.Memory:
                size = instruction.MemorySize.GetSize();
                o->Info.Flags |= OpFlags.MemoryDestination;
                Memory(instruction, o);
                break;
        }
        o->Info.Size = (byte)size;
        if (instruction.OpCount > 1)
            SourceOperand(instruction, o, 1);
    }

    private static void SourceOperand(in Instruction instruction, Op* o, int number)
    {
        switch (instruction.GetOpKind(number))
        {
            case OpKind.Register:
                o->S = General(instruction.GetOpRegister(number), out var size, out var high);
                o->Info.SourceSize = (byte)size;
                if (high)
                    o->Info.Flags |= OpFlags.HighSource;
                break;
            case OpKind.Memory:
                o->Info.SourceSize = (byte)instruction.MemorySize.GetSize();
                o->Info.Flags |= OpFlags.MemorySource;
                Memory(instruction, o);
                break;
            default:
                o->Imm = instruction.GetImmediate(number);
                o->Info.Flags |= OpFlags.Immediate;
                break;
        }
    }

    /// <summary>The number of a general register, its size in bytes, and whether it is the second byte.</summary>
    private static byte General(Register register, out int size, out bool high)
    {
        high = false;
        if (register >= Register.RAX)
        {
            size = 8;
            return (byte)(register - Register.RAX);
        }
        if (register >= Register.EAX)
        {
            size = 4;
            return (byte)(register - Register.EAX);
        }
        if (register >= Register.AX)
        {
            size = 2;
            return (byte)(register - Register.AX);
        }
        size = 1;
        if (register >= Register.SPL)
            return (byte)(register - Register.SPL + 4);
        high = register >= Register.AH;
        return (byte)(high ? register - Register.AH : register - Register.AL);
    }

    /// <summary>Fills in the memory operand.</summary>
    private static void Memory(in Instruction instruction, Op* o)
    {
        o->Disp = (long)instruction.MemoryDisplacement64;
        o->B = o->X = CpuRecord.Zero;
        var (based, indexed) = (instruction.MemoryBase, instruction.MemoryIndex);
        var narrow = false;
        if (based is not (Register.None or Register.RIP or Register.EIP))
        {
            o->B = General(based, out var size, out _);
            narrow = size == 4;
        }
        if (indexed != Register.None)
        {
            o->X = General(indexed, out var size, out _);
            narrow |= size == 4;
            o->Scale = (byte)Bits.Log2((ulong)instruction.MemoryIndexScale);
        }
        narrow |= based == Register.EIP; // of a displacement alone the decoder gives the full address either way
        if (narrow)
            o->Info.Flags |= OpFlags.Address32;
        var segment = Segment(instruction);
        if (segment == CpuRecord.Zero)
            return;
        if (narrow || (o->B != CpuRecord.Zero && o->X != CpuRecord.Zero))
            o->Info.Flags |= segment == CpuRecord.Fs ? OpFlags.FsBase : OpFlags.GsBase;
        else if (o->B == CpuRecord.Zero)
            o->B = segment;
        else
            o->X = segment;
    }

    private static byte Segment(in Instruction instruction) => instruction.MemorySegment switch
    {
        Register.FS => CpuRecord.Fs,
        Register.GS => CpuRecord.Gs,
        _ => CpuRecord.Zero,
    };
}
