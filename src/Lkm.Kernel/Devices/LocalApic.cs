using Lkm.Machine;

namespace Lkm.Kernel.Devices;

/// <summary>
/// The processor's local APIC (Intel SDM volume 3, chapter 11): what waits for the processor, and what it is at. Its registers are a page of the guest's memory,
/// so reaching them costs nothing; what was written is noticed when it is next asked what waits, which is before the processor goes on. Its timer is
/// <see cref="Time.LocalTimer"/>.
/// </summary>
/// <param name="memory">The guest's memory.</param>
/// <param name="page">Where the guest sees the registers.</param>
public sealed class LocalApic(GuestMemory memory, ulong page)
{
    /// <summary>LOCAL_TIMER_VECTOR and IRQ_WORK_VECTOR (arch/x86/include/asm/irq_vectors.h).</summary>
    public const int TimerVector = 0xec, IrqWorkVector = 0xf6;

    private const ulong Version = 0x30, TaskPriority = 0x80, EndOfInterrupt = 0xb0, DestinationFormat = 0xe0, Spurious = 0xf0;
    private const ulong InService = 0x100, LevelTriggered = 0x180, Requested = 0x200, Command = 0x300, TimerEntry = 0x320, Line0 = 0x350, Line1 = 0x360, ErrorEntry = 0x370;
    private const uint Masked = 1 << 16, FromPics = 7 << 8, NonMaskable = 4 << 8, DeliveryMode = 7 << 8; // of an entry of the local vector table, or a command
    private const uint Enabled = 1 << 8; // of the spurious interrupt's register
    private const uint Unwritten = uint.MaxValue; // what nobody writes to end an interrupt
    private const uint Taken = 1U << 31; // a reserved bit of the command: it has been seen to
    private const int Words = 8; // of a register of 256 bits
    private const ulong Spacing = 0x10; // between 32-bit registers

    private bool _isQuiet;

    /// <summary>Told of a level-triggered interrupt that has ended: what goes to the I/O APIC.</summary>
    public event Action<int>? Ended;

    /// <summary>Whether interrupts of the 8259A controllers reach the processor: LINT0 lets them through, as the firmware leaves it.</summary>
    public bool PassesPics => (Read(Spurious) & Enabled) == 0 || (Read(Line0) & (Masked | DeliveryMode)) == FromPics;

    /// <summary>The vector of the interrupt that has the processor's turn, or -1.</summary>
    public int Pending
    {
        get
        {
            Settle();
            if (_isQuiet)
                return -1;
            var (requested, inService) = (Highest(Requested), Highest(InService));
            _isQuiet = requested < 0 && inService < 0;
            return requested >> 4 > Math.Max(inService, (int)Read(TaskPriority)) >> 4 ? requested : -1;
        }
    }

    /// <summary>Writes what the registers hold when the firmware passes the machine on.</summary>
    public void Reset()
    {
        const uint version = 0x14, entries = 5;
        Write(Version, (entries << 16) | version);
        Write(DestinationFormat, uint.MaxValue);
        Write(Spurious, 0xff);
        Write(EndOfInterrupt, Unwritten);
        Write(Command, Taken);
        for (var entry = TimerEntry; entry <= ErrorEntry; entry += Spacing)
            Write(entry, Masked);
        Write(Line0, FromPics);
        Write(Line1, NonMaskable);
    }

    /// <summary>An interrupt comes from the I/O APIC, or from the processor itself.</summary>
    public void Request(int vector, bool isLevel)
    {
        Set(Requested, vector, true);
        Set(LevelTriggered, vector, isLevel);
        _isQuiet = false;
    }

    /// <summary>The processor takes an interrupt: <see cref="Pending"/>, or one of the local APIC's own.</summary>
    public void Begin(int vector)
    {
        Settle();
        Set(Requested, vector, false);
        Set(InService, vector, true);
        _isQuiet = false;
    }

    /// <summary>Does what was asked for by writing to the registers.</summary>
    private void Settle()
    {
        if ((Read(Command) & Taken) == 0)
            Obey(Read(Command));
        if (Read(EndOfInterrupt) == Unwritten)
            return;
        Write(EndOfInterrupt, Unwritten);
        if (Highest(InService) is not (>= 0 and var vector))
            return;
        Set(InService, vector, false);
        if (Has(LevelTriggered, vector))
            Ended?.Invoke(vector);
    }

    /// <summary>An interrupt for processors, of which there is one.</summary>
    private void Obey(uint command)
    {
        Write(Command, command | Taken);
        const uint allButSelf = 3;
        const int firstVector = 16; // of those that an APIC delivers
        var vector = (int)(command & 0xff);
        if ((command & DeliveryMode) == 0 && (command >> 18 & 3) != allButSelf && vector >= firstVector)
            Request(vector, isLevel: false);
    }

    private int Highest(ulong register)
    {
        for (var i = Words - 1; i >= 0; i--)
        {
            if (Read(register + ((ulong)i * Spacing)) is var word and not 0)
                return (32 * i) + Bits.Log2(word);
        }

        return -1;
    }

    private bool Has(ulong register, int vector) => (Read(WordOf(register, vector)) & BitOf(vector)) != 0;

    private void Set(ulong register, int vector, bool isSet)
    {
        var at = WordOf(register, vector);
        Write(at, isSet ? Read(at) | BitOf(vector) : Read(at) & ~BitOf(vector));
    }

    private static ulong WordOf(ulong register, int vector) => register + ((ulong)(vector / 32) * Spacing);

    private static uint BitOf(int vector) => 1U << (vector % 32);

    private uint Read(ulong register) => memory.ReadUInt32(page + register);

    private void Write(ulong register, uint value) => memory.WriteUInt32(page + register, value);
}
