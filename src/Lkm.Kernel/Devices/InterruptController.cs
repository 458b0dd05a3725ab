namespace Lkm.Kernel.Devices;

/// <summary>
/// The pair of 8259A interrupt controllers that every PC has, the second one on line 2 of the first, and the two registers that say which lines
/// are level-triggered (arch/x86/kernel/i8259.c).
/// </summary>
internal sealed class InterruptController : IPortDevice
{
    private const ushort MasterCommand = 0x20, MasterData = 0x21, SlaveCommand = 0xa0, SlaveData = 0xa1, MasterTrigger = 0x4d0, SlaveTrigger = 0x4d1;
    private const int Cascade = 2, Lines = 8;

    private readonly InterruptChip _master = new(), _slave = new();

    /// <summary>Whether an interrupt waits for the processor.</summary>
    public bool IsPending => _master.Pending >= 0;

    /// <summary>Sets the line of a device.</summary>
    /// <param name="irq">The interrupt's number, 0 to 15.</param>
    /// <param name="isHigh">Whether the device asks for it.</param>
    public void SetLine(int irq, bool isHigh)
    {
        if (irq < Lines)
        {
            _master.SetLine(irq, isHigh);
            return;
        }

        _slave.SetLine(irq - Lines, isHigh);
        PassOn();
    }

    /// <summary>The processor takes the interrupt that <see cref="IsPending"/> tells of.</summary>
    /// <returns>Its vector.</returns>
    public int Acknowledge()
    {
        var line = _master.Pending;
        var vector = _master.Acknowledge(line);
        if (line != Cascade)
            return vector;
        vector = _slave.Acknowledge(_slave.Pending);
        PassOn();
        return vector;
    }

    /// <inheritdoc/>
    public bool TryRead(ushort port, int size, out uint value)
    {
        value = port switch
        {
            MasterCommand => _master.ReadCommand(),
            MasterData => _master.ReadData(),
            SlaveCommand => _slave.ReadCommand(),
            SlaveData => _slave.ReadData(),
            MasterTrigger => _master.LevelTriggered,
            SlaveTrigger => _slave.LevelTriggered,
            _ => 0,
        };
        return IsOurs(port) && size == 1;
    }

    /// <inheritdoc/>
    public bool TryWrite(ushort port, int size, uint value)
    {
        if (!IsOurs(port) || size != 1)
            return false;
        switch (port)
        {
            case MasterCommand:
                _master.WriteCommand((byte)value);
                break;
            case MasterData:
                _master.WriteData((byte)value);
                break;
            case SlaveCommand:
                _slave.WriteCommand((byte)value);
                break;
            case SlaveData:
                _slave.WriteData((byte)value);
                break;
            case MasterTrigger:
                _master.LevelTriggered = (byte)value;
                break;
            case SlaveTrigger:
                _slave.LevelTriggered = (byte)value;
                break;
        }

        PassOn();
        return true;
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        _master.Save(writer);
        _slave.Save(writer);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        _master.Restore(reader);
        _slave.Restore(reader);
    }

    private static bool IsOurs(ushort port) =>
        port is MasterCommand or MasterData or SlaveCommand or SlaveData or MasterTrigger or SlaveTrigger;

    /// <summary>The second controller's output is a line of the first.</summary>
    private void PassOn() => _master.SetRequest(Cascade, _slave.Pending >= 0);
}
