namespace Lkm.Machine.Tests;

/// <summary>Code that was decoded ahead is executed as code that was not; hints that are wrong change nothing.</summary>
public class CodeAheadTests
{
    // 5 bytes, 5 bytes, then the loop of 3 and 2 and 2 bytes.
    private static readonly byte[] s_sum = [0xB8, 0, 0, 0, 0, 0xB9, 10, 0, 0, 0, 0x48, 0x01, 0xC8, 0xFF, 0xC9, 0x75, 0xF9, 0xC3];

    private static CodeHints HintsOfARun()
    {
        using var machine = new TestMachine().Load(s_sum);
        machine.Run();
        return machine.Cpu.CodeHints(TestMachine.Code, TestMachine.Code + 0x1000);
    }

    private static TestMachine Ahead(CodeHints hints) => new TestMachine(hints, s_sum);

    [Fact]
    public void Hints_are_what_was_decoded_and_hooked()
    {
        var hints = HintsOfARun();
        Assert.Equal(TestMachine.Code, hints.Starts[0]);
        Assert.Equal([TestMachine.Done], hints.Hooks);
    }

    [Fact]
    public void It_is_executed_alike()
    {
        using var machine = Ahead(HintsOfARun());
        Assert.Equal((CpuExitKind.Hook, TestMachine.Done), (machine.Run() is var exit ? exit.Kind : default, machine.Cpu.Rip));
        Assert.Equal((55UL, 33L), (machine.Cpu.Rax, machine.Cpu.Instructions));
    }

    [Fact]
    public void A_hook_that_the_hints_do_not_know_holds_and_one_that_is_gone_does_not()
    {
        var hints = HintsOfARun() with { Hooks = [TestMachine.Code + 5] };
        using var machine = Ahead(hints);
        machine.Cpu.Hook(TestMachine.Code + 10);
        Assert.Equal((CpuExitKind.Hook, TestMachine.Code + 10), (machine.Run().Kind, machine.Cpu.Rip));
        machine.Cpu.Unhook(TestMachine.Code + 10);
        Assert.Equal((CpuExitKind.Hook, TestMachine.Done), (machine.Run().Kind, machine.Cpu.Rip));
        Assert.Equal(55UL, machine.Cpu.Rax);
    }

    [Fact]
    public void Code_that_changes_before_the_first_run_is_decoded_again()
    {
        using var machine = Ahead(HintsOfARun());
        machine.Memory.WriteByte(TestMachine.Code + 6, 4);
        machine.Cpu.InvalidateCode(TestMachine.Code + 6, 1);
        machine.Run();
        Assert.Equal(10UL, machine.Cpu.Rax);
    }

    [Fact]
    public void Code_that_changes_itself_later_is_noticed()
    {
        using var machine = Ahead(HintsOfARun());
        machine.Run();
        machine.Memory.WriteByte(TestMachine.Code + 6, 4);
        machine.Cpu.InvalidateCode(TestMachine.Code + 6, 1);
        machine.Reset();
        machine.Run();
        Assert.Equal(10UL, machine.Cpu.Rax);
    }

    [Fact]
    public void Hints_that_make_no_sense_do_no_harm()
    {
        var random = new Random(3);
        var starts = new ulong[500];
        for (var i = 0; i < starts.Length; i++)
            starts[i] = (i % 3) switch { 0 => (ulong)random.NextInt64(), 1 => TestMachine.Code + (ulong)random.Next(0x20), _ => ulong.MaxValue - (ulong)i };
        using var machine = Ahead(new CodeHints(starts, [0, 0, ulong.MaxValue, TestMachine.Data]));
        machine.Run();
        Assert.Equal(55UL, machine.Cpu.Rax);
    }

    [Fact]
    public void Damaged_bytes_count_as_none()
    {
        var random = new Random(4);
        for (var round = 0; round < 300; round++)
        {
            using var machine = new TestMachine(HintsOfARun(), s_sum, bytes => Damage(bytes, random));
            machine.Run();
            Assert.Equal((55UL, 33L), (machine.Cpu.Rax, machine.Cpu.Instructions));
        }
    }

    private static byte[] Damage(byte[] whole, Random random)
    {
        var bytes = whole.AsSpan(0, random.Next(2) == 0 ? whole.Length : random.Next(whole.Length)).ToArray();
        for (var changes = random.Next(1, 4); changes > 0 && bytes.Length > 0; changes--)
            bytes[random.Next(bytes.Length)] ^= (byte)random.Next(1, 256);
        return bytes;
    }
}
