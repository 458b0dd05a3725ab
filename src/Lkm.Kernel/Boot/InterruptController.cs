namespace Lkm.Kernel.Boot;

/// <summary>
/// The pair of 8259 interrupt controllers that every PC has, as far as Linux tells by it that legacy interrupts exist: their mask
/// registers keep what is written (arch/x86/kernel/i8259.c, probe_8259A()). No device is wired to them, so none is ever raised.
/// </summary>
internal sealed class InterruptController
{
    private const ushort MasterMask = 0x21, SlaveMask = 0xa1; // PIC_MASTER_IMR, PIC_SLAVE_IMR

    private byte _master = 0xff, _slave = 0xff;

    /// <summary>Reads a port, if it is one of the controllers' mask registers.</summary>
    public bool TryRead(ushort port, out uint value)
    {
        value = port == MasterMask ? _master : _slave;
        return port is MasterMask or SlaveMask;
    }

    /// <summary>Writes a port; what is no mask register keeps nothing.</summary>
    public void Write(ushort port, byte value)
    {
        if (port == MasterMask)
            _master = value;
        else if (port == SlaveMask)
            _slave = value;
    }
}
