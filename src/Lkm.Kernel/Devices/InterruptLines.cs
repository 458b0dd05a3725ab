namespace Lkm.Kernel.Devices;

/// <summary>The lines of the old devices, which go to both: the 8259A controllers, and the I/O APIC, where the timer's is on the pin of the cascade.</summary>
internal sealed class InterruptLines(InterruptController pics, IoApic ioApic)
{
    private const int Timer = 0, TimerPin = 2;

    /// <summary>Sets the line of a device.</summary>
    /// <param name="irq">The interrupt's number, 0 to 15.</param>
    /// <param name="isHigh">Whether the device asks for it.</param>
    public void SetLine(int irq, bool isHigh)
    {
        pics.SetLine(irq, isHigh);
        ioApic.SetLine(irq == Timer ? TimerPin : irq, isHigh);
    }
}
