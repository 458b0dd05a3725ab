using Iced.Intel;
using Lkm.Machine.Translation;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>
/// Translated code does what the interpreter does: after every run the registers, the flags, the memory and the number of instructions are the
/// same, whatever the budget. The environment variable LKM_TEST_ROUNDS makes it a nightly test: so many times the usual.
/// </summary>
public class TranslationTests
{
    private static readonly TranslationOptions Interpreted = new() { Engine = Engine.Interpreter };
    private static readonly TranslationOptions Translated = new() { Engine = Engine.Translator };

    private static int Rounds(int usual) =>
        usual * (int.TryParse(Environment.GetEnvironmentVariable("LKM_TEST_ROUNDS"), out var times) ? times : 1);

    public static TheoryData<string> Switches => ["all", "flags", "joins", "plain", "parking", "checks", "frames", "forms", "calls", "copies", "size", "mixed"];

    private static TranslationOptions Options(string without) => without switch
    {
        "flags" => Translated with { DeadFlags = false },
        "joins" => Translated with { FlagsAtJoins = false },
        "plain" => Translated with { PlainLoops = false },
        "parking" => Translated with { Parking = false },
        "checks" => Translated with { SharedChecks = false },
        "frames" => Translated with { Frames = false },
        "forms" => Translated with { NativeForms = false },
        "copies" => Translated with { CopiedCalls = false },
        "calls" => Translated with { DirectCalls = false },
        "size" => Translated with { LargestUnit = 7 },
        "mixed" => Translated with { Engine = Engine.Mixed, FirstAfter = 0, WorthExecutions = 0 },
        _ => Translated,
    };

    [Theory]
    [MemberData(nameof(Switches))]
    public void Generated_functions_do_the_same(string without)
    {
        using var expected = new TestMachine(Interpreted);
        using var actual = new TestMachine(Options(without));
        // Part of the data can only be reached in part, and a part not at all.
        foreach (var machine in new[] { expected, actual })
        {
            machine.Memory.SetAccess(GeneratedCode.Base + 0x30, 8, (Shadow)5);
            machine.Memory.SetAccess(GeneratedCode.Base - 0x38, 8, Shadow.Freed);
        }
        Code[] common = [.. GeneratedCode.Pool().Where(NativeOrCommon)];
        var all = GeneratedCode.Pool();
        var failures = new List<string>();
        var rounds = Rounds(400);
        for (var seed = 0; seed < rounds && failures.Count < 5; seed++)
        {
            if (Compare(expected, actual, seed, seed % 4 == 0 ? all : common) is { } difference)
                failures.Add($"seed {seed}: {difference}");
        }
        Assert.True(failures.Count == 0, string.Join("\n", failures));
        Assert.True(expected.Cpu.Instructions > 60 * rounds, $"only {expected.Cpu.Instructions} instructions");
        if (without != "mixed")
            Assert.True(actual.Cpu.TranslatedUnits > 0);
    }

    private static bool NativeOrCommon(Code code) => code.Mnemonic() is Mnemonic.Mov or Mnemonic.Add or Mnemonic.Sub or Mnemonic.And or Mnemonic.Or
        or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Neg
        or Mnemonic.Not or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Lea or Mnemonic.Bswap or Mnemonic.Shl or Mnemonic.Shr
        or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Imul or Mnemonic.Mul or Mnemonic.Cdqe or Mnemonic.Cqo or Mnemonic.Bt
        or Mnemonic.Sete or Mnemonic.Setb or Mnemonic.Setle or Mnemonic.Seto or Mnemonic.Setp or Mnemonic.Cmove or Mnemonic.Cmovb or Mnemonic.Cmovg
        or Mnemonic.Xadd or Mnemonic.Cmpxchg or Mnemonic.Xchg or Mnemonic.Div or Mnemonic.Idiv or Mnemonic.Bts or Mnemonic.Shld or Mnemonic.Lahf or Mnemonic.Stc or Mnemonic.Pushfq or Mnemonic.Rdtsc;

    [Theory]
    [InlineData("all")]
    [InlineData("flags")]
    [InlineData("joins")]
    [InlineData("plain")]
    [InlineData("parking")]
    [InlineData("checks")]
    [InlineData("frames")]
    [InlineData("mixed")]
    public void Generated_loops_do_the_same(string without)
    {
        using var expected = new TestMachine(Interpreted);
        using var actual = new TestMachine(Options(without));
        var failures = new List<string>();
        var rounds = Rounds(300);
        for (var seed = 0; seed < rounds && failures.Count < 5; seed++)
        {
            var random = new Random(seed);
            var loop = new GeneratedLoop(random);
            var state = random.Next();
            loop.Place(expected, new Random(state));
            loop.Place(actual, new Random(state));
            if (Compare(expected, actual, random, longest: 20_000) is { } difference)
                failures.Add($"seed {seed}: {difference}");
        }
        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    private static string? Compare(TestMachine expected, TestMachine actual, int seed, Code[] pool)
    {
        var random = new Random(seed);
        var code = new GeneratedCode(random, pool);
        var data = new byte[0x800];
        random.NextBytes(data);
        var state = random.Next();
        code.Place(expected, data, new Random(state));
        code.Place(actual, data, new Random(state));
        return Compare(expected, actual, random, longest: 5000);
    }

    private static string? Compare(TestMachine expected, TestMachine actual, Random random, int longest)
    {
        var (from, to) = (expected.Cpu.Instructions, actual.Cpu.Instructions);
        for (var run = 0; run < 40; run++)
        {
            var budget = random.Next(4) == 0 ? random.Next(1, 60) : random.Next(1, longest);
            var (wanted, got) = (expected.Run(budget), actual.Run(budget));
            if (wanted != got)
                return $"run {run}: {got} at {actual.Cpu.Rip:x}, interpreted {wanted} at {expected.Cpu.Rip:x}";
            if (Difference(expected.Cpu, actual.Cpu, from, to) is { } difference)
                return $"run {run}, {wanted.Kind} at {expected.Cpu.Rip - TestMachine.Code:x}: {difference}";
            if (wanted.Kind != CpuExitKind.Budget)
                break;
        }
        if (!expected.Memory.Span(TestMachine.Data, 0x1000).SequenceEqual(actual.Memory.Span(TestMachine.Data, 0x1000)))
            return "data";
        return expected.Memory.Span(TestMachine.Stack - 0x10000, 0x10000).SequenceEqual(actual.Memory.Span(TestMachine.Stack - 0x10000, 0x10000)) ? null : "stack";
    }

    private static string? Difference(Cpu expected, Cpu actual, long from, long to)
    {
        for (var r = 0; r < 16; r++)
        {
            if (expected[r] != actual[r])
                return $"{Register.RAX + r} {actual[r]:x}, interpreted {expected[r]:x}";
            if (expected.GetXmm(r) != actual.GetXmm(r))
                return $"XMM{r}";
        }
        if (expected.Rip != actual.Rip)
            return $"RIP {actual.Rip:x}, interpreted {expected.Rip:x}";
        if (expected.Rflags != actual.Rflags)
            return $"flags {actual.Rflags:x}, interpreted {expected.Rflags:x}";
        var (executed, interpreted) = (actual.Instructions - to, expected.Instructions - from);
        return executed == interpreted ? null : $"{executed} instructions, interpreted {interpreted}";
    }

    [Fact]
    public void Deep_recursion_does_not_use_up_the_hosts_stack()
    {
        using var machine = new TestMachine(Translated);
        machine.Memory.SetAccess(TestMachine.Stack - 0x80_0000, 0x80_0000, Shadow.Accessible);
        machine.Load(a =>
        {
            var (function, last) = (a.CreateLabel(), a.CreateLabel());
            a.Label(ref function);
            a.sub(rdi, 1);
            a.jle(last);
            a.call(function);
            a.Label(ref last);
            a.add(rax, 1);
            a.ret();
        });
        machine.Cpu.Rdi = 500_000;
        Assert.Equal(CpuExitKind.Hook, machine.Run(100_000_000).Kind);
        Assert.Equal(500_000UL, machine.Cpu.Rax);
    }

    [Theory]
    [InlineData("all")]
    [InlineData("frames")]
    [InlineData("copies")]
    [InlineData("mixed")]
    public void Functions_that_use_their_stack_at_random_do_the_same(string without)
    {
        using var expected = new TestMachine(Interpreted);
        using var actual = new TestMachine(Options(without));
        var failures = new List<string>();
        var rounds = Rounds(400);
        for (var seed = 0; seed < rounds && failures.Count < 5; seed++)
        {
            var random = new Random(seed);
            var code = new GeneratedFrames(random);
            var state = random.Next();
            code.Place(expected, new Random(state));
            code.Place(actual, new Random(state));
            if (Compare(expected, actual, random, longest: 3000) is { } difference)
                failures.Add($"seed {seed}: {difference}");
        }
        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    [Fact]
    public void Code_that_is_changed_while_it_is_on_the_stack_runs_anew_after_the_return()
    {
        foreach (var options in new[] { Interpreted, Translated })
        {
            using var machine = new TestMachine(options).Load(a =>
            {
                var (function, after) = (a.CreateLabel(), a.CreateLabel());
                a.call(function);
                a.Label(ref after);
                a.mov(eax, 1);
                a.ret();
                a.Label(ref function);
                a.lea(rcx, __[after]);
                a.mov(__byte_ptr[rcx + 1], 7);
                a.ret();
            });
            machine.Run();
            Assert.Equal(7UL, machine.Cpu.Rax);
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Mixed)]
    public void Code_that_is_written_anew_all_the_time_does_not_use_up_the_memory_for_decoded_code(Engine engine)
    {
        using var machine = new TestMachine(new TranslationOptions { Engine = engine, FirstAfter = 0, WorthExecutions = 100 });
        machine.Load(a =>
        {
            var (top, function) = (a.CreateLabel(), a.CreateLabel());
            a.xor(eax, eax);
            a.mov(ecx, 50);
            a.Label(ref top);
            a.call(function);
            a.sub(ecx, 1);
            a.jne(top);
            a.jmp(TestMachine.Code + 0x1000);
            a.Label(ref function);
            a.add(rax, rcx);
            a.ret();
        });
        var written = machine.Memory.Span(TestMachine.Code + 0x1000, 45);
        written.Fill(0x90);
        written[^1] = 0xC3;
        for (var n = 0; n < 30_000; n++) // more decoded instructions than there is room for
        {
            machine.Cpu.InvalidateCode(TestMachine.Code + 0x1000, 45);
            machine.Reset();
            Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
            Assert.Equal(50UL * 51 / 2, machine.Cpu.Rax);
        }
    }

    [Fact]
    public void What_the_map_does_not_offer_is_not_translated()
    {
        using var machine = new TestMachine(Translated) { };
        machine.Cpu.CodeMap = new NoMap();
        machine.Load(a => a.ret());
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
        Assert.Equal(0, machine.Cpu.TranslatedUnits);
    }

    private sealed class NoMap : ICodeMap
    {
        public bool TryGetFunction(ulong address, out ulong start, out ulong end)
        {
            (start, end) = (0, 0);
            return false;
        }
    }
}
