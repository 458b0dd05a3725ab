using Iced.Intel;

namespace Lkm.Machine.Tests;

/// <summary>Every instruction of user mode, in every encoding, does what the processor below does.</summary>
public class DifferentialTests
{
    private const ulong Arithmetic = 0x8D5;
    private const int Rounds = 24;
    private static readonly ulong[] Edges =
        [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, long.MaxValue, 1UL << 63, ulong.MaxValue];

    /// <summary>What the machine executes and this test does not compare, and why.</summary>
    private static readonly Dictionary<string, string> NotCompared = new()
    {
        ["Cli Sti Hlt In Out Insb Insw Insd Outsb Outsw Outsd Rdmsr Wrmsr Rdpmc Swapgs Wbinvd Wbnoinvd Invd Invlpg Clts Lgdt Lidt Lldt Ltr Lmsw Iretq Sysret Sysretq Sysexit Sysexitq Stac Clac"] = "privileged: SystemTests",
        ["Sgdt Sidt Sldt Str Smsw Cpuid Rdtsc Rdtscp Rdpid Rdrand Rdseed Xgetbv Xsetbv Rdfsbase Rdgsbase Wrfsbase Wrgsbase"] = "says what this machine is: SystemTests",
        ["Syscall Sysenter Int Int3 Ud0 Ud1 Ud2"] = "ends the run: CpuTests",
        ["Jmp Call Ret Retf Loop Loope Loopne Jrcxz Jecxz"] = "transfers control: BranchTests",
        ["Ja Jae Jb Jbe Je Jg Jge Jl Jle Jne Jno Jnp Jns Jo Jp Js"] = "transfers control: BranchTests",
        ["Fxsave Fxsave64 Fxrstor Fxrstor64 Fninit Fnclex Fnop Wait Fnstsw Fnstcw Fldcw Ldmxcsr Stmxcsr"] = "x87 and SSE state of the machine: SystemTests",
        ["Clflush Clflushopt Clwb Cldemote Serialize Endbr32 Endbr64 Prefetch Prefetchw Prefetchwt1 Reservednop"] = "hints that not every processor has",
    };

    [Fact]
    public void Every_encoding_agrees_with_the_host()
    {
        if (!NativeCpu.Available)
            return;
        var exempt = NotCompared.Keys.SelectMany(names => names.Split(' ')).ToHashSet();
        var failures = new List<string>();
        using var machine = new TestMachine();
        using var native = new NativeCpu();
        var compared = new HashSet<Mnemonic>();
        foreach (var code in Enum.GetValues<Code>())
        {
            var info = code.ToOpCode();
            if (!info.IsInstruction || !info.Mode64 || info.Encoding is not (EncodingKind.Legacy or EncodingKind.VEX))
                continue;
            var mnemonic = info.Mnemonic;
            if (exempt.Contains(mnemonic.ToString()))
                continue;
            foreach (var memory in new[] { false, true })
            {
                for (var round = 0; round < Rounds; round++)
                {
                    var outcome = Compare(code, memory, new Random(HashCode((int)code, memory, round)), machine, native, out var message);
                    if (outcome == Outcome.Unsupported)
                        break;
                    if (outcome == Outcome.NotBuilt)
                        continue;
                    compared.Add(mnemonic);
                    if (outcome == Outcome.Differs)
                    {
                        failures.Add($"{code} {(memory ? "memory" : "register")}: {message}");
                        break;
                    }
                }
            }
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {compared.Count}:\n" + string.Join("\n", failures.Take(150)));
        string[] mustBe = ["Add", "Cmpxchg16b", "Enter", "Xlatb", "Movsq", "Shld", "Bts", "Pmuludq", "Idiv", "Rcl", "Popf", "Movnti", "Cvtsi2ss", "Addsd", "Ucomiss", "Cvttsd2si", "Sqrtps"];
        Assert.Empty(mustBe.Except(compared.Select(m => m.ToString())));
        Assert.True(compared.Count > 150, $"only {compared.Count} compared");
    }

    // Conditions are decided in several ways, by what came before them: sequences find out whether all agree.
    [Fact]
    public void Sequences_agree_with_the_host()
    {
        if (!NativeCpu.Available)
            return;
        Code[] pool = [Code.Add_r32_rm32, Code.Add_r64_rm64, Code.Add_rm8_r8, Code.Sub_r64_rm64, Code.Sub_rm32_imm8, Code.Cmp_r64_rm64, Code.Cmp_rm32_imm8,
            Code.Cmp_rm8_imm8, Code.Cmp_rm16_r16, Code.Cmp_rm64_r64, Code.Test_rm32_r32, Code.Test_rm8_r8, Code.Test_rm64_r64, Code.And_r32_rm32, Code.Or_rm16_imm8, Code.Xor_r64_rm64,
            Code.Inc_rm32, Code.Dec_rm64, Code.Dec_rm8, Code.Neg_rm32, Code.Neg_rm64, Code.Not_rm32, Code.Adc_r64_rm64, Code.Sbb_r32_rm32, Code.Shl_rm32_imm8,
            Code.Shr_rm64_imm8, Code.Sar_rm32_1, Code.Rol_rm64_imm8, Code.Ror_rm32_imm8, Code.Rcl_rm32_1, Code.Rcr_rm64_1, Code.Shl_rm64_CL, Code.Ror_rm8_CL, Code.Bt_rm64_r64, Code.Bts_rm32_imm8,
            Code.Imul_r64_rm64, Code.Imul_r32_rm32, Code.Mul_rm64, Code.Xadd_rm32_r32, Code.Cmpxchg_rm64_r64, Code.Stc, Code.Cmc, Code.Lahf, Code.Sahf, Code.Movzx_r32_rm8, Code.Lea_r64_m];
        using var machine = new TestMachine();
        using var native = new NativeCpu();
        var failures = new List<string>();
        for (var seed = 0; seed < 4000 && failures.Count < 5; seed++)
        {
            var random = new Random(seed);
            using var stream = new MemoryStream();
            var text = new List<string>();
            var undefined = 0UL;
            for (var n = 0; n < 10; n++)
            {
                var condition = random.Next(16);
                var instruction = random.Next(3) switch
                {
                    0 => Consumer(condition, undefined, random),
                    _ => InstructionForms.Build(pool[random.Next(pool.Length)], memory: random.Next(4) == 0, random)!,
                };
                if (instruction is not { } made || (made.MemoryBase == Register.RBP && (made.Mnemonic is Mnemonic.Lea or Mnemonic.Bt)) || (made.RflagsRead != 0 && undefined != 0))
                    continue;
                using var encoded = new MemoryStream();
                if (!Encoder.Create(64, new StreamCodeWriter(encoded)).TryEncode(made, TestMachine.Code, out _, out _))
                    continue;
                if (undefined == 0 && random.Next(4) == 0)
                {
                    // The jump may or may not go over the instruction, so what that leaves undefined is undefined after it.
                    stream.WriteByte((byte)(0x70 + condition));
                    stream.WriteByte((byte)encoded.Length);
                    text.Add($"j{condition:x}");
                }
                var counted = made.Op1Kind == OpKind.Register && made.Op1Register == Register.CL && made.RflagsWritten != 0; // perhaps by 0
                undefined = (counted ? undefined | 0x810 : undefined & ~Flag(made.RflagsWritten | made.RflagsCleared | made.RflagsSet)) | Undefined(made, new Registers());
                encoded.WriteTo(stream);
                text.Add(made.ToString());
            }
            if (CompareSequence(stream.ToArray(), undefined, random, machine, native) is { } difference)
                failures.Add($"seed {seed}: {difference}: {string.Join("; ", text)}");
        }
        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    private static Instruction? Consumer(int condition, ulong undefined, Random random) => undefined != 0 ? null : random.Next(2) == 0
        ? InstructionForms.Build(Code.Seto_rm8 + condition, memory: false, random)
        : InstructionForms.Build((random.Next(2) == 0 ? Code.Cmovo_r32_rm32 : Code.Cmovo_r64_rm64) + 3 * condition, memory: random.Next(4) == 0, random);

    private static string? CompareSequence(byte[] bytes, ulong undefined, Random random, TestMachine machine, NativeCpu native)
    {
        var data = new byte[InstructionForms.DataSize];
        random.NextBytes(data);
        var plain = new Instruction { Code = Code.Nopd };
        var before = RandomRegisters(plain, random);
        data.CopyTo(machine.Memory.Span(TestMachine.Data, data.Length));
        machine.Load(bytes);
        Set(machine.Cpu, Place(before, plain, TestMachine.Data, TestMachine.Stack - 0x800));
        var end = TestMachine.Code + (ulong)bytes.Length;
        machine.Cpu.Hook(end);
        var exit = machine.Run();
        machine.Cpu.Unhook(end);
        if (exit.Kind != CpuExitKind.Hook)
            return exit.ToString();
        var host = Place(before, plain, native.Data, native.Stack);
        data.CopyTo(native.Bytes(native.Data, data.Length));
        var expected = native.Execute(host, bytes);
        for (var r = 0; r < 16; r++)
        {
            if (r is not (4 or 5) && expected.Gpr[r] != machine.Cpu[r])
                return $"{Register.RAX + r} {machine.Cpu[r]:x} for {expected.Gpr[r]:x}";
        }
        if (((machine.Cpu.Rflags ^ expected.Flags) & Arithmetic & ~undefined) != 0)
            return $"flags {machine.Cpu.Rflags:x} for {expected.Flags:x}";
        return machine.Memory.Span(TestMachine.Data, data.Length).SequenceEqual(native.Bytes(native.Data, data.Length)) ? null : "memory";
    }

    private static ulong Flag(RflagsBits bits)
    {
        ulong mask = 0;
        foreach (var (bit, flag) in FlagBits)
        {
            if ((bits & bit) != 0)
                mask |= flag;
        }
        return mask;
    }

    private static readonly (RflagsBits, ulong)[] FlagBits =
        [(RflagsBits.CF, 1UL), (RflagsBits.PF, 4UL), (RflagsBits.AF, 16UL), (RflagsBits.ZF, 64UL), (RflagsBits.SF, 128UL), (RflagsBits.OF, 2048UL)];

    private static int HashCode(int code, bool memory, int round) => (code * 2 + (memory ? 1 : 0)) * 1000 + round;

    private enum Outcome
    {
        Same, Differs, NotBuilt, Unsupported,
    }

    private static Outcome Compare(Code code, bool memory, Random random, TestMachine machine, NativeCpu native, out string message)
    {
        message = "";
        if (InstructionForms.Build(code, memory, random) is not { } instruction)
            return Outcome.NotBuilt;
        if (instruction.IsStringInstruction)
        {
            instruction.HasRepPrefix = random.Next(3) == 0;
            instruction.HasRepnePrefix = !instruction.HasRepPrefix && random.Next(2) == 0;
        }
        var before = RandomRegisters(instruction, random);
        if (instruction.Mnemonic is Mnemonic.Shld or Mnemonic.Shrd && instruction.Op1Register.GetSize() == 2 && Count(instruction, before) > 16)
            return Outcome.NotBuilt; // undefined altogether
        using var stream = new MemoryStream();
        var encoder = Encoder.Create(64, new StreamCodeWriter(stream));
        if (!encoder.TryEncode(instruction, TestMachine.Code, out _, out _))
            return Outcome.NotBuilt;
        var bytes = stream.ToArray();

        var data = new byte[InstructionForms.DataSize];
        random.NextBytes(data);
        var guest = Place(before, instruction, TestMachine.Data, TestMachine.Stack - 0x800);
        data.CopyTo(machine.Memory.Span(TestMachine.Data, data.Length));
        machine.Memory.Clear(TestMachine.Stack - 0x1000, 0x1000);
        machine.Load(bytes);
        Set(machine.Cpu, guest);
        machine.Cpu.Hook(TestMachine.Code + (ulong)bytes.Length);
        var exit = machine.Run();
        machine.Cpu.Unhook(TestMachine.Code + (ulong)bytes.Length);
        if (exit.Kind == CpuExitKind.Unsupported || (exit.Kind == CpuExitKind.Exception && exit.Vector == CpuVector.InvalidOpcode))
            return Outcome.Unsupported; // in the table, and in no processor: Montmul
        if (exit.Kind == CpuExitKind.Exception && exit.Vector == CpuVector.DivideError)
            return Outcome.Same; // which divisions trap, DivisionTests says
        var text = $"{instruction} [{Convert.ToHexString(bytes)}]";
        if (exit.Kind != CpuExitKind.Hook || machine.Cpu.Rip != TestMachine.Code + (ulong)bytes.Length)
        {
            message = $"{text}: {exit} at {machine.Cpu.Rip - TestMachine.Code:x}";
            return Outcome.Differs;
        }

        var host = Place(before, instruction, native.Data, native.Stack);
        data.CopyTo(native.Bytes(native.Data, data.Length));
        native.Bytes(native.Stack - 0x100, 0x200).Clear();
        var expected = native.Execute(host, bytes);
        var found = new List<string>();
        for (var r = 0; r < 16; r++)
        {
            // Pointers moved by the same amount, everything else is equal.
            var actual = machine.Cpu[r];
            var same = expected.Gpr[r] == actual || (guest.Gpr[r] != host.Gpr[r] && expected.Gpr[r] - host.Gpr[r] == actual - guest.Gpr[r])
                || (actual - guest.Gpr[5] == expected.Gpr[r] - host.Gpr[5] && instruction.Mnemonic == Mnemonic.Lea);
            if (!same && instruction.Code == Code.Lea_r16_m && actual >> 16 == expected.Gpr[r] >> 16)
                same = (ushort)(actual - guest.Gpr[5]) == (ushort)(expected.Gpr[r] - host.Gpr[5]);
            if (!same && !(instruction.Mnemonic == Mnemonic.Lea && ((actual - guest.Gpr[5]) ^ (expected.Gpr[r] - host.Gpr[5])) << 32 == 0))
                found.Add($"{(Register)(Register.RAX + r)} {actual:x} for {expected.Gpr[r]:x} (was {guest.Gpr[r]:x})");
        }
        var mask = (Arithmetic | 0x400) & ~Undefined(instruction, before);
        if (((machine.Cpu.Rflags ^ expected.Flags) & mask) != 0)
            found.Add($"flags {machine.Cpu.Rflags & mask:x} for {expected.Flags & mask:x}");
        for (var x = 0; x < 16; x++)
        {
            if (machine.Cpu.GetXmm(x) != expected.Xmm[x])
                found.Add($"xmm{x} {machine.Cpu.GetXmm(x):x32} for {expected.Xmm[x]:x32} (was {before.Xmm[x]:x32})");
        }
        if (!machine.Memory.Span(TestMachine.Data, data.Length).SequenceEqual(native.Bytes(native.Data, data.Length)))
            found.Add("memory");
        if (!machine.Memory.Span(TestMachine.Stack - 0x900, 0x200).SequenceEqual(native.Bytes(native.Stack - 0x100, 0x200)) && instruction.Mnemonic is not (Mnemonic.Enter or Mnemonic.Pushf or Mnemonic.Pushfq))
            found.Add("stack");
        if (found.Count == 0)
            return Outcome.Same;
        message = $"{text} flags {before.Flags:x} rax {before.Gpr[0]:x} rcx {before.Gpr[1]:x}: {string.Join(", ", found)}";
        return Outcome.Differs;
    }

    private static Registers RandomRegisters(in Instruction instruction, Random random)
    {
        var registers = new Registers { Flags = 2 | ((ulong)random.Next() & Arithmetic) };
        for (var r = 0; r < 16; r++)
            registers.Gpr[r] = Value(random);
        for (var x = 0; x < 16; x++)
            registers.Xmm[x] = new UInt128(Value(random), Value(random));
        registers.Gpr[15] = (ulong)random.Next(8);
        if (instruction.IsStringInstruction)
        {
            registers.Gpr[1] = (ulong)random.Next(20);
            registers.Flags |= random.Next(2) == 0 ? 0x400UL : 0;
        }
        if (instruction.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && instruction.Op0Kind == OpKind.Memory)
        {
            for (var r = 0; r < 15; r++)
                registers.Gpr[r] = (ulong)random.Next(-2000, 2000);
        }
        // Let comparisons with the accumulator succeed now and then.
        if (instruction.Mnemonic is Mnemonic.Cmpxchg && random.Next(2) == 0)
            Array.Fill(registers.Gpr, registers.Gpr[0], 0, 15);
        return registers;
    }

    private static ulong Value(Random random) => random.Next(3) switch
    {
        0 => Edges[random.Next(Edges.Length)],
        1 => (ulong)random.NextInt64(),
        _ => (ulong)random.NextInt64() >> random.Next(64),
    };

    private static Registers Place(Registers before, in Instruction instruction, ulong data, ulong stack)
    {
        var placed = new Registers { Gpr = [.. before.Gpr], Flags = before.Flags, Xmm = [.. before.Xmm] };
        placed.Gpr[4] = stack;
        placed.Gpr[5] = instruction.Mnemonic is Mnemonic.Leave or Mnemonic.Enter ? stack + 0x20 : data + InstructionForms.Middle;
        if (instruction.IsStringInstruction)
            (placed.Gpr[6], placed.Gpr[7]) = (data + 300, data + 700 - (before.Gpr[0] & 7));
        if (instruction.Mnemonic == Mnemonic.Xlatb)
            placed.Gpr[3] = data;
        if (instruction.Mnemonic is Mnemonic.Maskmovdqu)
            placed.Gpr[7] = data;
        return placed;
    }

    private static void Set(Cpu cpu, Registers registers)
    {
        for (var r = 0; r < 16; r++)
            cpu[r] = registers.Gpr[r];
        for (var x = 0; x < 16; x++)
            cpu.SetXmm(x, registers.Xmm[x]);
        cpu.Rflags = registers.Flags;
        cpu.Rip = TestMachine.Code;
    }

    private static ulong Count(in Instruction instruction, Registers before) => 31 &
        (instruction.GetOpKind(instruction.OpCount - 1) == OpKind.Register ? before.Gpr[1] : instruction.GetImmediate(instruction.OpCount - 1));

    // What the manuals leave open. Counts above the operand's width leave carry open as well.
    private static ulong Undefined(in Instruction instruction, Registers before)
    {
        var mask = Flag(instruction.RflagsUndefined);
        if (instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Shld or Mnemonic.Shrd)
        {
            var count = Count(instruction, before);
            var size = instruction.Op0Kind == OpKind.Memory ? instruction.MemorySize.GetSize() : instruction.Op0Register.GetSize();
            if (size < 4 && count >= (ulong)size * 8)
                mask |= Arithmetic;
        }
        return mask;
    }
}
