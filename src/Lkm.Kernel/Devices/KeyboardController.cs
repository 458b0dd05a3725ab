namespace Lkm.Kernel.Devices;

/// <summary>
/// The keyboard controller of a PC (Intel 8042; IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"): ports
/// 0x60 and 0x64, a keyboard with IRQ 1 and a mouse with IRQ 12 behind it. One byte at a time lies in its output buffer; the next one follows when
/// it has been read.
/// </summary>
/// <param name="interrupts">Where its lines end.</param>
internal sealed class KeyboardController(InterruptLines interrupts) : IPortDevice
{
    private const ushort DataPort = 0x60, CommandPort = 0x64;
    private const int KeyboardIrq = 1, MouseIrq = 12;

    private const byte ReadMode = 0x20, WriteMode = 0x60, DisableMouse = 0xa7, EnableMouse = 0xa8, TestMouse = 0xa9, SelfTest = 0xaa,
        TestKeyboard = 0xab, DisableKeyboard = 0xad, EnableKeyboard = 0xae, ReadInputPort = 0xc0, ReadOutputPort = 0xd0, WriteOutputPort = 0xd1,
        WriteAsKeyboard = 0xd2, WriteAsMouse = 0xd3, WriteToMouse = 0xd4;

    // Bits of the mode, or "controller command byte".
    private const byte KeyboardInterrupt = 1 << 0, MouseInterrupt = 1 << 1, SystemFlag = 1 << 2, KeyboardDisabled = 1 << 4, MouseDisabled = 1 << 5, Translates = 1 << 6;

    // Bits of the status, beside the system flag.
    private const byte OutputFull = 1 << 0, LastWasCommand = 1 << 3, NotLocked = 1 << 4, FromMouse = 1 << 5;

    private readonly Ps2Keyboard _keyboard = new();
    private readonly Ps2Mouse _mouse = new();
    private readonly Queue<Answer> _own = new(); // what the controller itself says
    private byte _mode = KeyboardInterrupt | SystemFlag | MouseDisabled | Translates; // as the firmware leaves it
    private byte _status = SystemFlag | NotLocked;
    private byte _output, _command;
    private byte _outputPort = 0xcf; // not in reset, address line 20 on

    /// <summary>The lights of the keyboard that are on: scroll lock, num lock and caps lock, from bit 0.</summary>
    public byte Lights => _keyboard.Lights;

    /// <inheritdoc/>
    public bool TryRead(ushort port, int size, out uint value)
    {
        value = port == CommandPort ? _status : _output;
        if (size != 1 || port is not (DataPort or CommandPort))
            return false;
        if (port == DataPort)
        {
            _status &= unchecked((byte)~(OutputFull | FromMouse));
            UpdateLines();
            FillOutput();
        }

        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite(ushort port, int size, uint value)
    {
        if (size != 1 || port is not (DataPort or CommandPort))
            return false;
        if (port == CommandPort)
        {
            _status |= LastWasCommand;
            Obey((byte)value);
        }
        else
        {
            _status &= unchecked((byte)~LastWasCommand);
            TakeData((byte)value);
        }

        FillOutput();
        UpdateLines();
        return true;
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write([_mode, _status, _output, _command, _outputPort]);
        _keyboard.Save(writer);
        _mouse.Save(writer);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        (_mode, _status, _output, _command, _outputPort) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        _keyboard.Restore(reader);
        _mouse.Restore(reader);
    }

    private void Obey(byte command)
    {
        _command = 0;
        switch (command)
        {
            case ReadMode:
                _own.Enqueue(new Answer(_mode, false));
                break;
            case DisableMouse:
                _mode |= MouseDisabled;
                break;
            case EnableMouse:
                _mode &= unchecked((byte)~MouseDisabled);
                break;
            case DisableKeyboard:
                _mode |= KeyboardDisabled;
                break;
            case EnableKeyboard:
                _mode &= unchecked((byte)~KeyboardDisabled);
                break;
            case TestMouse or TestKeyboard:
                _own.Enqueue(new Answer(0, false)); // nothing is wrong with its line
                break;
            case SelfTest:
                _status |= SystemFlag;
                _own.Enqueue(new Answer(0x55, false));
                break;
            case ReadInputPort:
                _own.Enqueue(new Answer(0x80, false)); // the keyboard is not locked
                break;
            case ReadOutputPort:
                _own.Enqueue(new Answer(_outputPort, false));
                break;
            case WriteMode or WriteOutputPort or WriteAsKeyboard or WriteAsMouse or WriteToMouse:
                _command = command;
                break;
        }
    }

    /// <summary>A byte for the command before it, or for the keyboard.</summary>
    private void TakeData(byte value)
    {
        switch (_command)
        {
            case WriteMode:
                _mode = value;
                break;
            case WriteOutputPort:
                _outputPort = value;
                break;
            case WriteAsKeyboard or WriteAsMouse:
                _own.Enqueue(new Answer(value, _command == WriteAsMouse));
                break;
            case WriteToMouse:
                _mouse.Receive(value);
                break;
            default:
                _mode &= unchecked((byte)~KeyboardDisabled); // to talk to it is to want an answer
                _keyboard.Receive(value);
                break;
        }

        _command = 0;
    }

    private void FillOutput()
    {
        if ((_status & OutputFull) != 0)
            return;
        if (_own.TryDequeue(out var own))
            SetOutput(own.Value, own.AsMouse);
        else if (_keyboard.HasData && (_mode & KeyboardDisabled) == 0)
            SetOutput((_mode & Translates) != 0 ? Translate(_keyboard.Take()) : _keyboard.Take(), fromMouse: false);
        else if (_mouse.HasData && (_mode & MouseDisabled) == 0)
            SetOutput(_mouse.Take(), fromMouse: true);
    }

    private void SetOutput(byte value, bool fromMouse)
    {
        _output = value;
        _status |= (byte)(OutputFull | (fromMouse ? FromMouse : 0));
        UpdateLines();
    }

    /// <summary>Scan codes of set 2 become those of set 1; so do answers, where they look like one that a keyboard here ever gives.</summary>
    private static byte Translate(byte value) => value switch
    {
        1 => 0x43,
        2 => 0x41,
        3 => 0x3f,
        0x83 => 0x41,
        _ => value,
    };

    private void UpdateLines()
    {
        var (isFull, fromMouse) = ((_status & OutputFull) != 0, (_status & FromMouse) != 0);
        interrupts.SetLine(KeyboardIrq, isFull && !fromMouse && (_mode & (KeyboardInterrupt | KeyboardDisabled)) == KeyboardInterrupt);
        interrupts.SetLine(MouseIrq, isFull && fromMouse && (_mode & MouseInterrupt) != 0);
    }

    /// <summary>A byte of the controller's own, and whether it comes as if from the mouse.</summary>
    private sealed record Answer(byte Value, bool AsMouse);
}
