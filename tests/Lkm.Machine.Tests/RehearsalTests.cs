using Iced.Intel;

namespace Lkm.Machine.Tests;

/// <summary>Every handler that lowering chooses can be called for nothing, whatever it would do: none reads or writes memory, or goes on without end.</summary>
public unsafe class RehearsalTests
{
    private const int Sequences = 10000;

    [Fact]
    public void Whatever_is_chosen_can_be_rehearsed()
    {
        var random = new Random(7);
        var pool = Array.FindAll(Enum.GetValues<Code>(), code => code.ToOpCode() is { IsInstruction: true, Mode64: true, Encoding: EncodingKind.Legacy });
        using var memory = GuestMemory.Create();
        memory.SetAccess(TestMachine.Code, 0x10000, Shadow.Accessible);
        var chosen = new HashSet<ulong>();
        var lowering = new Lowering(new InstructionDecoder(memory), new HookSet(), chosen);
        var ops = (Op*)HostMemory.Reserve((CodeCache.LongestTrace + 2) * (ulong)sizeof(Op));
        for (var n = 0; n < Sequences; n++)
        {
            Sequence(pool, random).CopyTo(memory.Span(TestMachine.Code, 4096));
            lowering.Trace(TestMachine.Code, ops);
        }

        Assert.True(chosen.Count > 600, $"{chosen.Count} chosen");
        Handlers.Rehearse(chosen);
    }

    /// <summary>What compilers put side by side, which is what is joined: moves, additions, comparisons and jumps, pushes and pops.</summary>
    private static byte[] Sequence(Code[] pool, Random random)
    {
        Code[] usual =
        [
            Code.Push_r64, Code.Pop_r64, Code.Mov_r64_rm64, Code.Mov_rm64_r64, Code.Mov_r32_rm32, Code.Mov_rm32_r32, Code.Mov_rm64_imm32, Code.Mov_r32_imm32, Code.Add_rm64_imm8,
            Code.Add_rm32_imm8, Code.Sub_rm64_r64, Code.Xor_r32_rm32, Code.And_rm32_imm32, Code.Lea_r64_m, Code.Cmp_rm64_r64, Code.Cmp_rm32_imm8, Code.Cmp_rm64_imm8,
            Code.Cmp_rm8_imm8, Code.Test_rm64_r64, Code.Test_rm32_r32, Code.Test_rm8_imm8, Code.Inc_rm32, Code.Dec_rm64, Code.Imul_r64_rm64, Code.Shl_rm64_imm8,
        ];
        var writer = new List<byte>();
        for (var i = 0; i < 12; i++)
        {
            var code = random.Next(3) == 0 ? pool[random.Next(pool.Length)] : usual[random.Next(usual.Length)];
            if (InstructionForms.Build(code, random.Next(2) == 0, random) is { } instruction)
                Add(writer, instruction);
            if (random.Next(4) == 0)
                writer.AddRange([(byte)(0x70 + random.Next(16)), 0]); // a jump to the next instruction
        }

        writer.Add(0xC3);
        writer.AddRange(new byte[4096 - writer.Count]);
        return [.. writer];
    }

    private static void Add(List<byte> to, in Instruction instruction)
    {
        using var stream = new MemoryStream();
        if (Encoder.Create(64, new StreamCodeWriter(stream)).TryEncode(instruction, TestMachine.Code, out _, out _))
            to.AddRange(stream.ToArray());
    }
}
