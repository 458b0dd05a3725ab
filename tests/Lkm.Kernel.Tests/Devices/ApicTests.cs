using Lkm.Kernel.Devices;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Devices;

/// <summary>The two APICs by themselves: what of the lines reaches the processor, and when.</summary>
public sealed class ApicTests : IDisposable
{
    private const ulong Page = GuestMemory.WindowStart;
    private const ulong EndOfInterrupt = 0xb0, Command = 0x300;
    private const uint Level = 1 << 15, Masked = 1 << 16;

    private readonly GuestMemory _memory = GuestMemory.Create();
    private readonly LocalApic _local;
    private readonly IoApic _ioApic;

    public ApicTests()
    {
        _local = new LocalApic(_memory, Page);
        _local.Reset();
        _ioApic = new IoApic(_local);
    }

    [Fact]
    public void An_edge_asks_once_and_is_lost_while_its_line_is_masked()
    {
        _ioApic.SetLine(1, true);
        Assert.Equal(-1, _local.Pending);
        _ioApic.SetLine(1, false);
        Route(1, 0x31);
        Assert.Equal(-1, _local.Pending);
        _ioApic.SetLine(1, true);
        Assert.Equal(0x31, Take());
        End();
        Assert.Equal(-1, _local.Pending);
    }

    [Fact]
    public void A_level_asks_again_when_its_interrupt_ends_and_the_line_is_still_high()
    {
        Route(9, 0x39 | Level);
        _ioApic.SetLine(9, true);
        Assert.Equal(0x39, Take());
        Assert.NotEqual(0u, Entry(9) & (1 << 14)); // Remote IRR
        Assert.Equal(-1, _local.Pending);
        End();
        Assert.Equal(0x39, Take());
        _ioApic.SetLine(9, false);
        End();
        Assert.Equal(-1, _local.Pending);
        Assert.Equal(0u, Entry(9) & (1 << 14));
    }

    [Fact]
    public void A_level_that_was_masked_asks_when_it_is_unmasked()
    {
        Route(9, 0x39 | Level | Masked);
        _ioApic.SetLine(9, true);
        Assert.Equal(-1, _local.Pending);
        Route(9, 0x39 | Level);
        Assert.Equal(0x39, _local.Pending);
    }

    [Fact]
    public void Only_a_vector_of_a_higher_class_interrupts_another()
    {
        Route(1, 0x31);
        Route(3, 0x38);
        Route(4, 0x41);
        foreach (var pin in (int[])[1, 3, 4])
            _ioApic.SetLine(pin, true);
        Assert.Equal(0x41, Take());
        Assert.Equal(-1, _local.Pending);
        End();
        Assert.Equal(0x38, Take());
        End();
        Assert.Equal(0x31, Take());
    }

    [Fact]
    public void A_processor_interrupts_itself_by_a_command()
    {
        const uint self = 1 << 18, others = 3 << 18;
        _memory.WriteUInt32(Page + Command, others | 0x50);
        Assert.Equal(-1, _local.Pending);
        _memory.WriteUInt32(Page + Command, self | 0x50);
        Assert.Equal(0x50, Take());
        End();
        _memory.WriteUInt32(Page + Command, self | 0x50);
        Assert.Equal(0x50, Take());
    }

    [Fact]
    public void The_8259s_reach_the_processor_until_their_line_is_masked()
    {
        const ulong spurious = 0xf0, line0 = 0x350;
        Assert.True(_local.PassesPics);
        _memory.WriteUInt32(Page + spurious, 0x1ff);
        Assert.True(_local.PassesPics);
        _memory.WriteUInt32(Page + line0, Masked | (7 << 8));
        Assert.False(_local.PassesPics);
    }

    [Fact]
    public void No_sequence_of_accesses_breaks_them()
    {
        var random = new System.Random(1);
        for (var i = 0; i < 200_000; i++)
        {
            switch (random.Next(5))
            {
                case 0:
                    _ioApic.SetLine(random.Next(24), random.Next(2) == 0);
                    break;
                case 1:
                    _ioApic.Write((ulong)random.Next(0x1000) & ~0xfUL, (uint)random.NextInt64());
                    break;
                case 2:
                    _ioApic.Read((ulong)random.Next(0x1000));
                    break;
                case 3:
                    _memory.WriteUInt32(Page + ((ulong)random.Next(0x100) * 16), (uint)random.NextInt64());
                    break;
                default:
                    if (_local.Pending is >= 0 and var vector)
                        _local.Begin(vector);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private void Route(int pin, uint low)
    {
        _ioApic.Write(0, 0x11 + (2 * (uint)pin));
        _ioApic.Write(0x10, 0);
        _ioApic.Write(0, 0x10 + (2 * (uint)pin));
        _ioApic.Write(0x10, low);
    }

    private uint Entry(int pin)
    {
        _ioApic.Write(0, 0x10 + (2 * (uint)pin));
        return _ioApic.Read(0x10);
    }

    private int Take()
    {
        var vector = _local.Pending;
        _local.Begin(vector);
        return vector;
    }

    private void End() => _memory.WriteUInt32(Page + EndOfInterrupt, 0);
}
