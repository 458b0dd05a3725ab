using Lkm.Kernel.Time;

namespace Lkm.Kernel.Devices;

/// <summary>
/// The MC146818A clock behind ports 0x70 and 0x71 (Motorola's data sheet), with its alarm, its interrupts on IRQ 8, and its battery-backed memory.
/// It shows virtual time, from a date that is always the same, so that runs are alike.
/// </summary>
/// <param name="clock">Virtual time.</param>
/// <param name="interrupts">Where its line ends.</param>
internal sealed class RealTimeClock(VirtualClock clock, InterruptLines interrupts) : IPortDevice
{
    private const ushort IndexPort = 0x70, DataPort = 0x71;
    private const int Irq = 8, Registers = 128;
    private const int Seconds = 0, SecondsAlarm = 1, Minutes = 2, MinutesAlarm = 3, Hours = 4, HoursAlarm = 5, Weekday = 6, Day = 7, Month = 8, Year = 9,
        A = 10, B = 11, C = 12, D = 13, Century = 0x32; // where the FADT says
    private const byte SetTime = 1 << 7, Binary = 1 << 2, TwentyFourHours = 1 << 1; // of register B
    private const byte Periodic = 1 << 6, Alarm = 1 << 5, Updated = 1 << 4, AnyInterrupt = 1 << 7; // of C, and but for the last of B
    private const byte AnyValue = 0xc0; // of an alarm register: matches always
    private const byte BatteryGood = 0x80;
    private static readonly DateTime s_start = new(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly byte[] _registers = NewRegisters();
    private TimeSpan _set; // by how much the time was set
    private long _seen; // nanoseconds of the clock up to which events have been noted
    private byte _index;

    private long _due = VirtualClock.Never;

    /// <summary>Nanoseconds until the clock next has an interrupt to raise; <see cref="VirtualClock.Never"/> where none is enabled.</summary>
    public long UntilEvent => _due == VirtualClock.Never ? _due : Math.Max(0, _due - clock.Nanoseconds);

    /// <inheritdoc/>
    public bool TryRead(ushort port, int size, out uint value)
    {
        value = _index;
        if (size != 1 || port is not (IndexPort or DataPort))
            return false;
        if (port == IndexPort)
            return true;
        if (_index == C)
        {
            Update();
            value = _registers[C];
            _registers[C] = 0;
            SetLine();
            Plan();
            return true;
        }

        if ((_registers[B] & SetTime) == 0)
            LoadTime();
        value = _registers[_index];
        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite(ushort port, int size, uint value)
    {
        const byte withoutNmiMask = 0x7f;
        if (size != 1 || port is not (IndexPort or DataPort))
            return false;
        if (port == IndexPort)
            _index = (byte)(value & withoutNmiMask);
        else
            Write(_index, (byte)value);
        return true;
    }

    /// <summary>Notes what has happened since it last did, and raises the interrupts that are enabled.</summary>
    public void Update()
    {
        var (from, to) = (_seen, clock.Nanoseconds);
        _seen = to;
        if ((_registers[B] & SetTime) == 0)
        {
            if (Floor(TimeAt(from)) != Floor(TimeAt(to)))
                _registers[C] |= Updated;
            if (NextAlarm(TimeAt(from)) is { } alarm && alarm <= TimeAt(to))
                _registers[C] |= Alarm;
        }

        if (Period is > 0 and var period && from / period != to / period)
            _registers[C] |= Periodic;
        SetLine();
        Plan();
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_registers);
        writer.Write(_set.Ticks);
        writer.Write(_seen);
        writer.Write(_index);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        reader.ReadExactly(_registers);
        _set = new TimeSpan(reader.ReadInt64());
        _seen = reader.ReadInt64();
        _index = reader.ReadByte();
        Plan();
    }

    private static byte[] NewRegisters()
    {
        var registers = new byte[Registers];
        registers[A] = 0x26; // 32,768 Hz, 1,024 interrupts a second
        registers[B] = TwentyFourHours;
        registers[D] = BatteryGood;
        return registers;
    }

    private void Write(int index, byte value)
    {
        const byte updateInProgress = 1 << 7;
        Update();
        switch (index)
        {
            case A:
                _registers[A] = (byte)(value & ~updateInProgress);
                break;
            case B:
                var wasSetting = (_registers[B] & SetTime) != 0;
                if (!wasSetting)
                    LoadTime();
                _registers[B] = (byte)(value | TwentyFourHours);
                if (wasSetting && (value & SetTime) == 0)
                    StoreTime();
                break;
            case C or D:
                break; // cannot be written
            case Seconds or Minutes or Hours or Weekday or Day or Month or Year or Century when (_registers[B] & SetTime) == 0:
                LoadTime();
                _registers[index] = value;
                StoreTime();
                break;
            default:
                _registers[index] = value;
                break;
        }

        SetLine();
        Plan();
    }

    /// <summary>Nanoseconds between periodic interrupts, of register A; 0 for none.</summary>
    private long Period => (_registers[A] & 15) switch
    {
        0 => 0,
        1 => PeriodOf(8),
        2 => PeriodOf(9),
        var rate => PeriodOf(rate),
    };

    private static long PeriodOf(int rate) => 1_000_000_000L / (32768 >> (rate - 1));

    private DateTime TimeAt(long nanoseconds) => s_start.AddTicks(nanoseconds / TimeSpan.NanosecondsPerTick) + _set;

    private static DateTime Floor(DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond), DateTimeKind.Utc);

    private void LoadTime()
    {
        var now = TimeAt(clock.Nanoseconds);
        _registers[Seconds] = Encode(now.Second);
        _registers[Minutes] = Encode(now.Minute);
        _registers[Hours] = Encode(now.Hour);
        _registers[Weekday] = (byte)(now.DayOfWeek + 1);
        _registers[Day] = Encode(now.Day);
        _registers[Month] = Encode(now.Month);
        _registers[Year] = Encode(now.Year % 100);
        _registers[Century] = Encode(now.Year / 100);
    }

    /// <summary>The time goes on from what the registers say; where that is no date, as it was.</summary>
    private void StoreTime()
    {
        var (year, month, day) = ((Decode(Century) * 100) + Decode(Year), Decode(Month), Decode(Day));
        var (hour, minute, second) = (Decode(Hours), Decode(Minutes), Decode(Seconds));
        if (year is < 1 or > 9998 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
            return;
        _set += new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc) - TimeAt(clock.Nanoseconds);
    }

    /// <summary>When the alarm registers next agree with the time after a moment; null for never.</summary>
    private DateTime? NextAlarm(DateTime after)
    {
        var time = Floor(after).AddSeconds(1);
        for (var end = time.AddDays(1); time < end;)
        {
            if (!Matches(HoursAlarm, time.Hour))
                time = time.AddSeconds(3600 - (time.Minute * 60) - time.Second);
            else if (!Matches(MinutesAlarm, time.Minute))
                time = time.AddSeconds(60 - time.Second);
            else if (!Matches(SecondsAlarm, time.Second))
                time = time.AddSeconds(1);
            else
                return time;
        }

        return null;
    }

    private bool Matches(int register, int value) => _registers[register] >= AnyValue || Decode(register) == value;

    private void SetLine()
    {
        var asks = (_registers[B] & _registers[C] & (Periodic | Alarm | Updated)) != 0;
        _registers[C] = (byte)(asks ? _registers[C] | AnyInterrupt : _registers[C] & ~AnyInterrupt);
        interrupts.SetLine(Irq, asks);
    }

    /// <summary>Finds out when an interrupt that is enabled comes next.</summary>
    private void Plan()
    {
        var enabled = _registers[B] & ~_registers[C];
        var now = TimeAt(_seen);
        _due = VirtualClock.Never;
        if ((enabled & Periodic) != 0 && Period is > 0 and var period)
            _due = ((_seen / period) + 1) * period;
        if ((_registers[B] & SetTime) != 0)
            return;
        if ((enabled & Updated) != 0)
            Add(Floor(now).AddSeconds(1));
        if ((enabled & Alarm) != 0 && NextAlarm(now) is { } alarm)
            Add(alarm);

        void Add(DateTime time) => _due = Math.Min(_due, (time - _set - s_start).Ticks * TimeSpan.NanosecondsPerTick);
    }

    /// <summary>A number as the registers hold it: two digits of four bits each (BCD), unless register B says binary.</summary>
    private byte Encode(int number) => (byte)((_registers[B] & Binary) != 0 ? number : (number / 10 << 4) + (number % 10));

    private int Decode(int register)
    {
        int value = _registers[register];
        return (_registers[B] & Binary) != 0 ? value : ((value >> 4) * 10) + (value & 15);
    }
}
