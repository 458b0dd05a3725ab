namespace Lkm.Kernel.Devices;

/// <summary>
/// One 8259A interrupt controller (Intel's data sheet): eight lines, of which the lowest comes first. It knows what Linux uses: specific and
/// plain end of interrupt, and fixed priorities; the modes of other machines (8080, polling, rotation) are not there.
/// </summary>
internal sealed class InterruptChip
{
    private const byte Initialize = 1 << 4, OperationControl3 = 1 << 3, EndOfInterrupt = 1 << 5, Specific = 1 << 6; // of a command
    private const int Words = 4; // ICW1 to ICW4, the first of which is the command

    private byte _lines, _requested, _inService, _mask, _vectors;
    private int _word; // the initialization word that the data port takes next; 0 for none
    private bool _readsInService;

    /// <summary>The lines that ask by their level, not by its rise: the chipset's ELCR register.</summary>
    public byte LevelTriggered { get; set; }

    /// <summary>The line that has the processor's turn, or -1.</summary>
    public int Pending
    {
        get
        {
            var line = int.TrailingZeroCount(_requested & ~_mask);
            return line < int.TrailingZeroCount(_inService) && line < 8 ? line : -1;
        }
    }

    /// <summary>Sets a line high or low. A request lasts no longer than the line is high, unless the processor takes it.</summary>
    public void SetLine(int line, bool isHigh)
    {
        var bit = (byte)(1 << line);
        if (!isHigh || (_lines & bit) == 0 || (LevelTriggered & bit) != 0)
            SetRequest(line, isHigh);
        _lines = (byte)(isHigh ? _lines | bit : _lines & ~bit);
    }

    /// <summary>Makes a line ask, or withdraw, whatever its trigger: what another controller's output does.</summary>
    public void SetRequest(int line, bool asks)
    {
        var bit = (byte)(1 << line);
        _requested = (byte)(asks ? _requested | bit : _requested & ~bit);
    }

    /// <summary>The processor takes the interrupt of a line.</summary>
    /// <returns>Its vector.</returns>
    public int Acknowledge(int line)
    {
        var bit = (byte)(1 << line);
        _inService |= bit;
        if ((LevelTriggered & bit) == 0)
            _requested &= (byte)~bit;
        return _vectors + line;
    }

    /// <summary>Reads the command port: requests, or what is in service.</summary>
    public byte ReadCommand() => _readsInService ? _inService : _requested;

    /// <summary>Reads the data port: the mask.</summary>
    public byte ReadData() => _mask;

    /// <summary>Writes the command port.</summary>
    public void WriteCommand(byte value)
    {
        if ((value & Initialize) != 0)
            (_requested, _inService, _mask, _readsInService, _word) = (0, 0, 0, false, 2);
        else if ((value & OperationControl3) != 0)
            _readsInService = (value & 2) != 0 ? (value & 1) != 0 : _readsInService;
        else if ((value & EndOfInterrupt) != 0)
            _inService &= (byte)((value & Specific) != 0 ? ~(1 << (value & 7)) : _inService - 1);
    }

    /// <summary>Writes the data port: an initialization word, or the mask.</summary>
    public void WriteData(byte value)
    {
        if (_word == 0)
            _mask = value;
        else if (_word == 2)
            _vectors = (byte)(value & ~7);
        _word = _word is 0 or Words ? 0 : _word + 1;
    }

    /// <summary>Writes the state.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write([_lines, _requested, _inService, _mask, _vectors, LevelTriggered, (byte)_word]);
        writer.Write(_readsInService);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Restore(BinaryReader reader)
    {
        (_lines, _requested, _inService, _mask) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        (_vectors, LevelTriggered, _word) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        _readsInService = reader.ReadBoolean();
    }
}
