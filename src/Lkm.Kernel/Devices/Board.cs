using Lkm.Kernel.Snapshots;
using Lkm.Kernel.Time;

namespace Lkm.Kernel.Devices;

/// <summary>
/// The devices that are soldered on every PC's board, as far as they are here: interrupt controllers, the processor's APIC with them, clock, keyboard controller, serial port, ACPI's registers.
/// Nothing else answers at a port: what is read there is all ones, and what is written is lost, as on hardware.
/// </summary>
internal sealed class Board : ISnapshotState
{
    private readonly InterruptController _pics = new();
    private readonly RealTimeClock _clock;
    private readonly IPortDevice[] _devices;

    /// <summary>Puts the devices together.</summary>
    public Board(VirtualClock clock, LocalApic localApic)
    {
        LocalApic = localApic;
        IoApic = new IoApic(localApic);
        var lines = new InterruptLines(_pics, IoApic);
        _clock = new RealTimeClock(clock, lines);
        Serial = new SerialPort(lines);
        _devices = [_pics, new KeyboardController(lines), _clock, new PowerManagementRegisters(), Serial];
    }

    /// <summary>The processor's APIC.</summary>
    public LocalApic LocalApic { get; }

    /// <summary>The I/O APIC.</summary>
    public IoApic IoApic { get; }

    /// <summary>The serial port.</summary>
    public SerialPort Serial { get; }

    /// <summary>Nanoseconds until a device has something to tell; never negative.</summary>
    public long UntilEvent => IsPending ? 0 : _clock.UntilEvent;

    /// <summary>Lets the devices notice what time it is.</summary>
    /// <returns>Whether an interrupt waits for the processor.</returns>
    public bool Poll()
    {
        if (_clock.UntilEvent == 0)
            _clock.Update();
        return IsPending;
    }

    private bool IsPending => LocalApic.Pending >= 0 || (_pics.IsPending && LocalApic.PassesPics);

    /// <summary>The processor takes the interrupt that waits.</summary>
    /// <returns>Its vector.</returns>
    public int AcknowledgeInterrupt()
    {
        if (LocalApic.Pending is not (>= 0 and var vector))
            return _pics.Acknowledge();
        LocalApic.Begin(vector);
        return vector;
    }

    /// <summary>Reads a port.</summary>
    public uint In(ushort port, int size)
    {
        foreach (var device in _devices)
        {
            if (device.TryRead(port, size, out var value))
                return value;
        }

        return uint.MaxValue >> (32 - (8 * size));
    }

    /// <summary>Writes a port.</summary>
    public void Out(ushort port, int size, uint value)
    {
        foreach (var device in _devices)
        {
            if (device.TryWrite(port, size, value))
                return;
        }
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        foreach (var device in _devices)
            device.Save(writer);
        IoApic.Save(writer);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        foreach (var device in _devices)
            device.Restore(reader);
        IoApic.Restore(reader);
    }
}
