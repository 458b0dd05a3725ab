using Lkm.Machine.Translation;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Tests that look at what the process keeps: nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(KeptTranslationTests), DisableParallelization = true)]
public class KeptTranslations;

/// <summary>What was compiled once serves again where the code is the same, and nowhere else.</summary>
[Collection(nameof(KeptTranslationTests))]
public class KeptTranslationTests
{
    // Calls stay calls, so that the method of the caller does not hold the called function.
    private static readonly TranslationOptions Translated = new() { Engine = Engine.Translator, CopiedCalls = false };

    private const ulong Called = TestMachine.Code + 0x1000;

    [Fact]
    public void The_next_processor_takes_over_what_is_the_same()
    {
        using (var first = Machine(multiply: 3))
        {
            Assert.Equal(21ul, Result(first));
            Assert.Equal((3, 3), (first.Cpu.TranslatedUnits, first.Cpu.CompiledUnits)); // the caller, the called, what follows the call
        }
        using (var second = Machine(multiply: 3))
        {
            Assert.Equal(21ul, Result(second));
            Assert.Equal((3, 0), (second.Cpu.TranslatedUnits, second.Cpu.CompiledUnits));
        }
        using var third = Machine(multiply: 5);
        Assert.Equal(35ul, Result(third));
        Assert.Equal((3, 1), (third.Cpu.TranslatedUnits, third.Cpu.CompiledUnits));
    }

    [Fact]
    public void Two_processors_at_once_have_each_their_own()
    {
        using var first = Machine(multiply: 3);
        Assert.Equal(21ul, Result(first));
        using var second = Machine(multiply: 5);
        Assert.Equal(35ul, Result(second));
        Assert.Equal(21ul, Result(first));
        Assert.Equal(35ul, Result(second));
    }

    [Fact]
    public void Code_that_becomes_what_it_was_is_not_compiled_again()
    {
        using var machine = Machine(multiply: 3);
        Assert.Equal(21ul, Result(machine));
        Place(machine, multiply: 5);
        Assert.Equal(35ul, Result(machine));
        var compiled = machine.Cpu.CompiledUnits;
        Place(machine, multiply: 7);
        Assert.Equal(49ul, Result(machine));
        Assert.Equal(compiled + 1, machine.Cpu.CompiledUnits);
        Place(machine, multiply: 5);
        Assert.Equal(35ul, Result(machine));
        Place(machine, multiply: 7);
        Assert.Equal(49ul, Result(machine));
        Assert.Equal(compiled + 1, machine.Cpu.CompiledUnits);
    }

    [Fact]
    public void What_a_processor_leaves_behind_in_the_middle_of_a_run_does_not_disturb_the_next()
    {
        using (var first = Machine(multiply: 3))
            Assert.Equal(CpuExitKind.Budget, first.Run(3).Kind); // behind the call
        using var second = Machine(multiply: 3);
        Assert.Equal(21ul, Result(second));
    }

    private static TestMachine Machine(int multiply)
    {
        var machine = new TestMachine(Translated);
        machine.Load(a =>
        {
            a.mov(edi, 7);
            a.call(Called);
            a.ret();
        });
        Place(machine, multiply);
        return machine;
    }

    private static void Place(TestMachine machine, int multiply)
    {
        var code = new Iced.Intel.Assembler(64);
        code.imul(eax, edi, multiply);
        code.ret();
        using var stream = new MemoryStream();
        code.Assemble(new Iced.Intel.StreamCodeWriter(stream), Called);
        stream.ToArray().CopyTo(machine.Memory.Span(Called, (int)stream.Length));
        machine.Cpu.InvalidateCode(Called, (ulong)stream.Length);
    }

    private static ulong Result(TestMachine machine)
    {
        machine.Reset();
        Assert.Equal(CpuExitKind.Hook, machine.Run(10_000).Kind);
        return machine.Cpu.Rax;
    }
}
