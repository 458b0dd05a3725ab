using Iced.Intel;

namespace Lkm.Machine.Tests;

/// <summary>
/// Makes instructions of every encoding: operands by the decoder library's own table, with RBP as the base of memory operands and
/// the other registers at random.
/// </summary>
internal static class InstructionForms
{
    internal const int DataSize = 1024, Middle = 512;

    /// <summary>Builds one instruction; null if the encoding has an operand that cannot be compared between two address spaces.</summary>
    internal static Instruction? Build(Code code, bool memory, Random random)
    {
        var info = code.ToOpCode();
        var hasMemory = false;
        var instruction = new Instruction { Code = code };
        var high = random.Next(4) == 0;
        for (var n = 0; n < info.OpCount; n++)
        {
            if (!Operand(ref instruction, n, info.GetOpKind(n), memory, high, ref hasMemory, random))
                return null;
        }
        if (memory != hasMemory)
            return null;
        return instruction;
    }

    private static bool Operand(ref Instruction i, int n, OpCodeOperandKind kind, bool memory, bool high, ref bool hasMemory, Random random)
    {
        switch (kind)
        {
            case OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r64_or_mem
                or OpCodeOperandKind.xmm_or_mem or OpCodeOperandKind.r32_or_mem_mpx when memory:
            case OpCodeOperandKind.mem:
                i.SetOpKind(n, OpKind.Memory);
                i.MemoryBase = Register.RBP;
                i.MemoryDisplSize = 1;
                i.MemoryDisplacement64 = (ulong)(long)(sbyte)(random.Next(-4, 4) * 16 + (Aligned(i.Mnemonic) ? 0 : random.Next(16)));
                if (!Aligned(i.Mnemonic) && random.Next(2) == 0)
                {
                    i.MemoryIndex = Register.R15; // the tests keep it small
                    i.MemoryIndexScale = 1 << random.Next(4);
                }
                hasMemory = true;
                return true;
            case OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode:
                // The old high registers exclude every new one, which the encoder needs a prefix for.
                i.SetOpRegister(n, high ? Register.AL + random.Next(8) : Pick(Register.AL, Register.SPL - 4, random));
                return true;
            case OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r16_opcode:
                i.SetOpRegister(n, Pick(Register.AX, Register.AX, random));
                return true;
            case OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_rm or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.r32_vvvv:
                i.SetOpRegister(n, Pick(Register.EAX, Register.EAX, random));
                return true;
            case OpCodeOperandKind.r64_or_mem or OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_rm or OpCodeOperandKind.r64_opcode or OpCodeOperandKind.r64_vvvv:
                i.SetOpRegister(n, Pick(Register.RAX, Register.RAX, random));
                return true;
            case OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_or_mem:
                i.SetOpRegister(n, Register.XMM0 + random.Next(16));
                return true;
            case OpCodeOperandKind.al: i.SetOpRegister(n, Register.AL); return true;
            case OpCodeOperandKind.cl: i.SetOpRegister(n, Register.CL); return true;
            case OpCodeOperandKind.ax: i.SetOpRegister(n, Register.AX); return true;
            case OpCodeOperandKind.eax: i.SetOpRegister(n, Register.EAX); return true;
            case OpCodeOperandKind.rax: i.SetOpRegister(n, Register.RAX); return true;
            case OpCodeOperandKind.imm8 when i.Mnemonic == Mnemonic.Enter: i.SetOpKind(n, OpKind.Immediate8_2nd); return true;
            case OpCodeOperandKind.imm8: i.SetOpKind(n, OpKind.Immediate8); i.SetImmediate(n, random.Next(256)); return true;
            case OpCodeOperandKind.imm8_const_1: i.SetOpKind(n, OpKind.Immediate8); i.SetImmediate(n, 1); return true;
            case OpCodeOperandKind.imm8sex16: i.SetOpKind(n, OpKind.Immediate8to16); i.SetImmediate(n, random.Next(-128, 128)); return true;
            case OpCodeOperandKind.imm8sex32: i.SetOpKind(n, OpKind.Immediate8to32); i.SetImmediate(n, random.Next(-128, 128)); return true;
            case OpCodeOperandKind.imm8sex64: i.SetOpKind(n, OpKind.Immediate8to64); i.SetImmediate(n, (long)random.Next(-128, 128)); return true;
            case OpCodeOperandKind.imm16: i.SetOpKind(n, OpKind.Immediate16); i.SetImmediate(n, random.Next(65536)); return true;
            case OpCodeOperandKind.imm32: i.SetOpKind(n, OpKind.Immediate32); i.SetImmediate(n, (uint)random.NextInt64(1L << 32)); return true;
            case OpCodeOperandKind.imm32sex64: i.SetOpKind(n, OpKind.Immediate32to64); i.SetImmediate(n, (long)random.Next(int.MinValue, int.MaxValue)); return true;
            case OpCodeOperandKind.imm64: i.SetOpKind(n, OpKind.Immediate64); i.SetImmediate(n, random.NextInt64()); return true;
            case OpCodeOperandKind.seg_rBX_al:
                i.SetOpKind(n, OpKind.Memory);
                i.MemoryBase = Register.RBX;
                i.MemoryIndex = Register.AL;
                i.MemoryIndexScale = 1;
                hasMemory = true;
                return true;
            case OpCodeOperandKind.seg_rSI: i.SetOpKind(n, OpKind.MemorySegRSI); hasMemory = true; return true;
            case OpCodeOperandKind.es_rDI: i.SetOpKind(n, OpKind.MemoryESRDI); hasMemory = true; return true;
            default:
                return false;
        }
    }

    private static bool Aligned(Mnemonic mnemonic) => mnemonic is Mnemonic.Cmpxchg16b or Mnemonic.Lea
        || (mnemonic.ToString() is var name && (name.StartsWith('P') || name.EndsWith("ps", StringComparison.Ordinal)
            || name.EndsWith("pd", StringComparison.Ordinal) || name is "Movdqa" or "Movntdq" or "Movntdqa" || name.StartsWith("Aes", StringComparison.Ordinal)));

    // Any register but RSP, RBP (pointers) and R15 (the index).
    private static Register Pick(Register first, Register numbering, Random random)
    {
        int number;
        do
            number = random.Next(15);
        while (number is 4 or 5);
        if (first == Register.AL)
            return number < 4 ? Register.AL + number : numbering + number;
        return first + number;
    }
}
