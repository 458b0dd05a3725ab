namespace Lkm.Kernel.Boot;

/// <summary>
/// The MC146818 clock behind ports 0x70 and 0x71. It shows virtual time, from a date that is always the same, so that runs are alike; it has no
/// alarm and no memory of its own.
/// </summary>
internal sealed class RealTimeClock(Time.VirtualClock clock)
{
    private const ushort IndexPort = 0x70, DataPort = 0x71;
    private const byte NeverUpdating = 0x26, TwentyFourHours = 0x02, BatteryGood = 0x80; // registers A, B, D
    private static readonly DateTime s_start = new(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private byte _index;

    /// <summary>Reads a port; false if it is not the clock's.</summary>
    public bool TryRead(ushort port, out uint value)
    {
        value = port == DataPort ? Register(_index) : _index;
        return port is IndexPort or DataPort;
    }

    /// <summary>Writes a port. Setting the time has no effect.</summary>
    public void Write(ushort port, byte value)
    {
        const byte withoutNmiMask = 0x7f;
        if (port == IndexPort)
            _index = (byte)(value & withoutNmiMask);
    }

    private uint Register(byte index)
    {
        var now = s_start.AddTicks(clock.Nanoseconds / 100);
        return index switch
        {
            0x00 => Decimal(now.Second),
            0x02 => Decimal(now.Minute),
            0x04 => Decimal(now.Hour),
            0x06 => (uint)now.DayOfWeek + 1,
            0x07 => Decimal(now.Day),
            0x08 => Decimal(now.Month),
            0x09 => Decimal(now.Year % 100),
            0x0a => NeverUpdating,
            0x0b => TwentyFourHours,
            0x0d => BatteryGood,
            0x32 => Decimal(now.Year / 100), // where the FADT says
            _ => 0,
        };
    }

    /// <summary>Two digits, four bits each (BCD).</summary>
    private static uint Decimal(int number) => (uint)((number / 10 << 4) + (number % 10));
}
