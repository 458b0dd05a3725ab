namespace Lkm.Kernel.Devices;

/// <summary>
/// The fixed registers of ACPI that the firmware tells of: PM1 status, PM1 enable and PM1 control (ACPI specification, 4.8.3). Nothing
/// raises an event, so that no status bit is ever set; what is enabled is kept, and ACPI mode is on.
/// </summary>
internal sealed class PowerManagementRegisters : IPortDevice
{
    /// <summary>PM1a_EVT_BLK: status, and two bytes on, enable.</summary>
    public const ushort EventBlock = 0x600;

    /// <summary>PM1a_CNT_BLK.</summary>
    public const ushort ControlBlock = 0x604;

    private const ushort Enable = EventBlock + 2;
    private const uint AcpiMode = 1; // SCI_EN
    private const uint WriteOnly = 1 << 2 | 1 << 13; // GBL_RLS, SLP_EN

    private uint _enable, _control = AcpiMode;

    /// <inheritdoc/>
    public bool TryRead(ushort port, int size, out uint value)
    {
        value = port switch { Enable => _enable, ControlBlock => _control, _ => 0 };
        return size == sizeof(ushort) && port is (EventBlock or Enable or ControlBlock);
    }

    /// <inheritdoc/>
    public bool TryWrite(ushort port, int size, uint value)
    {
        if (size != sizeof(ushort) || port is not (EventBlock or Enable or ControlBlock))
            return false;
        if (port == Enable)
            _enable = (ushort)value;
        else if (port == ControlBlock)
            _control = ((ushort)value & ~WriteOnly) | AcpiMode;
        return true;
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_enable);
        writer.Write(_control);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader) => (_enable, _control) = (reader.ReadUInt32(), reader.ReadUInt32());
}
