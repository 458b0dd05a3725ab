using Lkm.Kernel.Snapshots;

namespace Lkm.Kernel.Devices;

/// <summary>
/// The I/O APIC of a PC's board (Intel's data sheet of the 82093AA, with the register for ends of interrupts that later ones have): 24 lines, each with an entry that says which vector
/// it asks for, and how. Who the interrupt is for is of no matter, as there is one processor.
/// </summary>
internal sealed class IoApic : ISnapshotState
{
    /// <summary>Its physical address.</summary>
    public const ulong Physical = 0xfec00000;

    private const int Pins = 24;
    private const ulong IndexRegister = 0x00, DataRegister = 0x10, EndRegister = 0x40; // offsets in memory
    private const byte Id = 0, Version = 1, Arbitration = 2, FirstEntry = 0x10; // indexes
    private const ulong VectorMask = 0xff, DeliveryMode = 7 << 8, DeliveryStatus = 1 << 12, RemoteIrr = 1 << 14, Level = 1 << 15, Masked = 1 << 16; // of an entry
    private const ulong LowestPriority = 1 << 8; // the highest of the delivery modes that deliver the vector

    private readonly LocalApic _local;
    private readonly ulong[] _entries = new ulong[Pins];
    private uint _lines, _id;
    private byte _index;

    /// <summary>Connects it to the processor's APIC; all lines are masked.</summary>
    public IoApic(LocalApic local)
    {
        _local = local;
        local.Ended += End;
        for (var i = 0; i < _entries.Length; i++) // Array.Fill() would be compiled anew in each run
            _entries[i] = Masked;
    }

    /// <summary>Sets a line.</summary>
    /// <param name="pin">The line, 0 to 23.</param>
    /// <param name="asks">Whether the device asks for the interrupt, whatever the line's polarity.</param>
    public void SetLine(int pin, bool asks)
    {
        var (bit, before) = (1U << pin, _lines);
        _lines = asks ? before | bit : before & ~bit;
        var entry = _entries[pin];
        if ((entry & Level) != 0)
            ServeLevel(pin);
        else if (asks && (before & bit) == 0 && (entry & Masked) == 0)
            Request(entry);
    }

    /// <summary>Reads a register in memory.</summary>
    public uint Read(ulong offset) => offset switch
    {
        IndexRegister => _index,
        DataRegister => ReadIndexed(),
        _ => 0,
    };

    /// <summary>Writes a register in memory.</summary>
    public void Write(ulong offset, uint value)
    {
        switch (offset)
        {
            case IndexRegister:
                _index = (byte)value;
                break;
            case DataRegister:
                WriteIndexed(value);
                break;
            case EndRegister:
                End((byte)value);
                break;
        }
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_lines);
        writer.Write(_id);
        writer.Write(_index);
        foreach (var entry in _entries)
            writer.Write(entry);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        (_lines, _id, _index) = (reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadByte());
        for (var i = 0; i < Pins; i++)
            _entries[i] = reader.ReadUInt64();
    }

    private uint ReadIndexed() => _index switch
    {
        Id or Arbitration => _id,
        Version => ((Pins - 1) << 16) | 0x20,
        >= FirstEntry and < FirstEntry + (2 * Pins) => (uint)(_entries[(_index - FirstEntry) / 2] >> (_index % 2 * 32)),
        _ => 0,
    };

    private void WriteIndexed(uint value)
    {
        if (_index == Id)
            _id = value & 0x0f000000;
        if (_index is not (>= FirstEntry and < FirstEntry + (2 * Pins)))
            return;
        const ulong readOnly = DeliveryStatus | RemoteIrr;
        var pin = (_index - FirstEntry) / 2;
        var entry = _entries[pin];
        entry = _index % 2 == 0
            ? (entry & (0xffffffff_00000000 | readOnly)) | (value & ~readOnly)
            : (entry & uint.MaxValue) | ((ulong)value << 32);
        if ((entry & Level) == 0)
            entry &= ~RemoteIrr; // how kernels end an interrupt where there is no register for it
        _entries[pin] = entry;
        ServeLevel(pin);
    }

    /// <summary>An interrupt has ended: a level-triggered line that still asks for it is heard again.</summary>
    private void End(int vector)
    {
        for (var pin = 0; pin < Pins; pin++)
        {
            if ((_entries[pin] & (VectorMask | Level)) != ((ulong)vector | Level))
                continue;
            _entries[pin] &= ~RemoteIrr;
            ServeLevel(pin);
        }
    }

    private void ServeLevel(int pin)
    {
        var entry = _entries[pin];
        if ((entry & (Level | Masked | RemoteIrr)) != Level || (_lines & (1U << pin)) == 0)
            return;
        _entries[pin] |= RemoteIrr;
        Request(entry);
    }

    private void Request(ulong entry)
    {
        if ((entry & DeliveryMode) <= LowestPriority)
            _local.Request((int)(entry & VectorMask), (entry & Level) != 0);
    }
}
