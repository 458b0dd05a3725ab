using Lkm.Kernel.Devices;
using Lkm.Kernel.Time;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Devices;

/// <summary>The devices by themselves, as a driver without any kernel sees them at their ports.</summary>
public sealed class PortTests : IDisposable
{
    private readonly GuestMemory _memory = GuestMemory.Create();
    private readonly Cpu _cpu;
    private readonly VirtualClock _clock;
    private readonly Board _board;

    /// <summary>Sets the interrupt controllers up as Linux does: vectors from 0x30, nothing masked.</summary>
    public PortTests()
    {
        _cpu = new Cpu(_memory, new NoEnvironment());
        _clock = new VirtualClock(_cpu);
        _board = new Board(_clock, NewApic());
        foreach (var (command, data, vector, wiring) in ((ushort, ushort, byte, byte)[])[(0x20, 0x21, 0x30, 4), (0xa0, 0xa1, 0x38, 2)])
        {
            Out(command, 0x11);
            foreach (var word in (byte[])[vector, wiring, 1])
                Out(data, word);
            Out(data, 0);
        }
    }

    [Fact]
    public void A_port_that_nothing_decodes_reads_as_all_ones()
    {
        Assert.Equal(0xffu, _board.In(0x2f8, 1));
        Assert.Equal(0xffffu, _board.In(0x2f8, 2));
        Assert.Equal(0xffffffffu, _board.In(0xcfc, 4));
    }

    [Fact]
    public void Each_byte_of_the_keyboards_is_an_interrupt_of_its_own()
    {
        Out(0x60, 0xf2); // identify
        Assert.Equal(0x31, Take(1));
        Assert.Equal(0xfau, _board.In(0x60, 1));
        Assert.Equal(0x31, Take(1));
        Assert.Equal(0xabu, _board.In(0x60, 1));
        Assert.Equal(0x31, Take(1));
        Assert.Equal(0x41u, _board.In(0x60, 1)); // 0x83, translated
        Assert.False(_board.Poll());
    }

    [Fact]
    public void What_was_read_without_its_interrupt_raises_none_when_it_is_unmasked()
    {
        Out(0x21, 0xff);
        Out(0x60, 0xee);
        Assert.False(_board.Poll());
        Assert.Equal(0xeeu, _board.In(0x60, 1));
        Out(0x21, 0);
        Assert.False(_board.Poll());
    }

    [Fact]
    public void The_mouse_comes_through_the_second_interrupt_controller()
    {
        Out(0x64, 0x60); // its interrupt and its port on
        Out(0x60, 0x47);
        Out(0x64, 0xd4);
        Out(0x60, 0xff); // reset
        foreach (var answer in (uint[])[0xfa, 0xaa, 0])
        {
            Assert.Equal(0x3c, Take(12));
            Assert.Equal(0x20u, _board.In(0x64, 1) & 0x20); // from the mouse
            Assert.Equal(answer, _board.In(0x60, 1));
        }

        Assert.Equal(0u, _board.In(0x64, 1) & 1);
    }

    [Fact]
    public void The_clocks_interrupts_come_in_their_time()
    {
        Assert.Equal(VirtualClock.Never, _board.UntilEvent);
        Write(11, 0x12); // at each update, 24 hours
        Assert.Equal(1_000_000_000, _board.UntilEvent);
        _clock.Advance(_board.UntilEvent);
        Assert.True(_board.Poll());
        Assert.Equal(0x38, Take(8));
        Assert.Equal(0x90u, Read(12) & 0x90);
        Assert.Equal(0u, Read(12) & 0x80);

        Write(11, 0x42); // 1,024 times a second
        Assert.InRange(_board.UntilEvent, 1, 976_562);
        Write(11, 0x02);
        Assert.Equal(VirtualClock.Never, _board.UntilEvent);
    }

    [Fact]
    public void The_clock_counts_on_from_the_time_that_it_is_set_to()
    {
        Write(11, 0x82); // hold it
        foreach (var (register, value) in ((int, byte)[])[(0, 0x59), (2, 0x59), (4, 0x23), (7, 0x28), (8, 0x02), (9, 0x96), (0x32, 0x19)])
            Write(register, value);
        _clock.Advance(5_000_000_000);
        Assert.Equal(0x59u, Read(0));
        Write(11, 0x02);
        _clock.Advance(1_000_000_000);
        Assert.Equal((0u, 0u, 0u, 0x29u, 0x02u, 0x96u), (Read(0), Read(2), Read(4), Read(7), Read(8), Read(9)));
        Assert.Equal(5u, Read(6)); // a Thursday
    }

    [Fact]
    public void State_that_was_saved_is_the_same_when_it_is_restored()
    {
        Out(0x64, 0x60);
        Out(0x60, 0x47);
        Write(0x40, 0x77);
        Write(11, 0x22);
        var saved = new MemoryStream();
        _board.Save(new BinaryWriter(saved));
        saved.Position = 0;
        var other = new Board(_clock, NewApic());
        other.Restore(new BinaryReader(saved));
        Assert.Equal(saved.Length, saved.Position);
        other.Out(0x64, 1, 0x20);
        Assert.Equal(0x47u, other.In(0x60, 1));
        other.Out(0x70, 1, 0x40);
        Assert.Equal(0x77u, other.In(0x71, 1));
        Assert.Equal(_board.UntilEvent, other.UntilEvent);
    }

    [Fact]
    public void No_sequence_of_port_accesses_breaks_a_device()
    {
        var random = new System.Random(1);
        ushort[] ports = [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x60, 0x64, 0x70, 0x71, 0x600, 0x602, 0x604];
        for (var i = 0; i < 200_000; i++)
        {
            var (port, size) = (ports[random.Next(ports.Length)], 1 << random.Next(3));
            if (random.Next(2) == 0)
                _board.In(port, size);
            else
                _board.Out(port, size, (uint)random.Next(256));
            if (random.Next(16) == 0)
                _clock.Advance(Math.Min(_board.UntilEvent, random.NextInt64(100_000_000_000)));
            if (_board.Poll() && random.Next(2) == 0)
                Assert.InRange(_board.AcknowledgeInterrupt(), 0, 255);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cpu.Dispose();
        _memory.Dispose();
    }

    private LocalApic NewApic() => new(_memory, GuestMemory.WindowStart);

    /// <summary>Takes the interrupt that waits, and ends it.</summary>
    private int Take(int irq)
    {
        Assert.True(_board.Poll());
        var vector = _board.AcknowledgeInterrupt();
        if (irq >= 8)
            Out(0xa0, (byte)(0x60 + irq - 8));
        Out(0x20, (byte)(0x60 + (irq >= 8 ? 2 : irq)));
        return vector;
    }

    private void Out(ushort port, byte value) => _board.Out(port, 1, value);

    private uint Read(int register)
    {
        Out(0x70, (byte)register);
        return _board.In(0x71, 1);
    }

    private void Write(int register, byte value)
    {
        Out(0x70, (byte)register);
        Out(0x71, value);
    }

    private sealed class NoEnvironment : ICpuEnvironment
    {
        public ulong TimestampCounter => 0;

        public uint In(ushort port, int size) => 0;

        public void Out(ushort port, int size, uint value)
        {
        }

        public bool TryReadMsr(uint msr, out ulong value)
        {
            value = 0;
            return false;
        }

        public bool TryWriteMsr(uint msr, ulong value) => false;

        public CpuidResult Cpuid(uint leaf, uint subleaf) => default;
    }
}
