namespace Lkm.Kernel.Devices;

/// <summary>
/// The first serial port of a PC: a 16550A UART (National Semiconductor's data sheet) at port 0x3f8 with IRQ 4, as Linux's 8250 driver knows it. What is
/// sent has left at once, and is kept for the host; nothing ever comes in but in loopback.
/// </summary>
/// <param name="interrupts">Where its line ends.</param>
internal sealed class SerialPort(InterruptLines interrupts) : IPortDevice
{
    /// <summary>The first of its ports.</summary>
    public const ushort Base = 0x3f8;

    /// <summary>Its interrupt.</summary>
    public const int Irq = 4;

    /// <summary>How many ports it has.</summary>
    public const int Ports = 8;

    private const int FifoSize = 16;
    private const int MostKept = 1 << 20; // bytes that wait for the host
    private const int Data = 0, InterruptEnable = 1, InterruptIdentity = 2, LineControl = 3, ModemControl = 4, LineStatus = 5, ModemStatus = 6, Scratch = 7;
    private const byte DivisorLatch = 1 << 7; // of line control
    private const byte Received = 1 << 0, Sent = 1 << 1; // of interrupt enable
    private const byte NoInterrupt = 1, SentIdentity = 2, ReceivedIdentity = 4, FifosOn = 3 << 6;
    private const byte FifoEnable = 1 << 0, FifoReset = 1 << 1; // of FIFO control
    private const byte DataReady = 1 << 0, Overrun = 1 << 1, SenderEmpty = 3 << 5; // of line status
    private const byte InterruptsOut = 1 << 3, Loopback = 1 << 4; // of modem control: OUT2 lets interrupts through
    private const byte Connected = 0xb0; // of modem status: CTS, DSR and DCD, as of a terminal that is there

    private readonly Queue<byte> _received = new();
    private readonly Queue<byte> _sent = new();
    private byte _interruptEnable, _lineControl, _modemControl, _scratch, _fifoControl, _overrun;
    private ushort _divisor = 12; // 9600 baud, as the firmware leaves it
    private bool _sentIsNew;

    /// <summary>Takes what was sent since this was last asked, as a terminal shows it: without the carriage returns.</summary>
    public byte[] TakeSent()
    {
        var sent = Array.FindAll(_sent.ToArray(), character => character != '\r');
        _sent.Clear();
        return sent;
    }

    /// <inheritdoc/>
    public bool TryRead(ushort port, int size, out uint value)
    {
        value = 0;
        if (size != 1 || port is < Base or >= Base + Ports)
            return false;
        value = Read(port - Base);
        UpdateLine();
        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite(ushort port, int size, uint value)
    {
        if (size != 1 || port is < Base or >= Base + Ports)
            return false;
        Write(port - Base, (byte)value);
        UpdateLine();
        return true;
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write([_interruptEnable, _lineControl, _modemControl, _scratch, _fifoControl]);
        writer.Write(_divisor);
        writer.Write(_sentIsNew);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        (_interruptEnable, _lineControl, _modemControl) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        (_scratch, _fifoControl) = (reader.ReadByte(), reader.ReadByte());
        _divisor = reader.ReadUInt16();
        _sentIsNew = reader.ReadBoolean();
    }

    private bool IsLatched => (_lineControl & DivisorLatch) != 0;

    private byte Read(int register) => register switch
    {
        Data when IsLatched => (byte)_divisor,
        Data => _received.TryDequeue(out var next) ? next : (byte)0,
        InterruptEnable when IsLatched => (byte)(_divisor >> 8),
        InterruptEnable => _interruptEnable,
        InterruptIdentity => ReadIdentity(),
        LineControl => _lineControl,
        ModemControl => _modemControl,
        LineStatus => ReadLineStatus(),
        ModemStatus => ReadModemStatus(),
        _ => _scratch,
    };

    /// <summary>Reading that the sender is empty withdraws its interrupt.</summary>
    private byte ReadIdentity()
    {
        var identity = Identity;
        if (identity == SentIdentity)
            _sentIsNew = false;
        return (byte)(identity | ((_fifoControl & FifoEnable) != 0 ? FifosOn : 0));
    }

    private byte ReadLineStatus()
    {
        var status = (byte)(SenderEmpty | _overrun | (_received.Count > 0 ? DataReady : 0));
        _overrun = 0;
        return status;
    }

    /// <summary>In loopback the four outputs are the four inputs: RTS is CTS, DTR is DSR, OUT1 is RI, OUT2 is DCD.</summary>
    private byte ReadModemStatus()
    {
        if ((_modemControl & Loopback) == 0)
            return Connected;
        var (dtr, rts, others) = (_modemControl & 1, (_modemControl >> 1) & 1, (_modemControl >> 2) & 3);
        return (byte)(rts << 4 | dtr << 5 | others << 6);
    }

    private void Write(int register, byte value)
    {
        switch (register)
        {
            case Data when IsLatched:
                _divisor = (ushort)((_divisor & 0xff00) | value);
                break;
            case Data:
                Send(value);
                break;
            case InterruptEnable when IsLatched:
                _divisor = (ushort)((_divisor & 0xff) | (value << 8));
                break;
            case InterruptEnable:
                const byte known = 0x0f;
                _sentIsNew |= (value & ~_interruptEnable & Sent) != 0; // the sender is empty
                _interruptEnable = (byte)(value & known);
                break;
            case InterruptIdentity: // FIFO control
                if ((value & FifoReset) != 0 || ((value ^ _fifoControl) & FifoEnable) != 0)
                    _received.Clear();
                _fifoControl = value;
                break;
            case LineControl:
                _lineControl = value;
                break;
            case ModemControl:
                const byte used = 0x1f;
                _modemControl = (byte)(value & used);
                break;
            case Scratch:
                _scratch = value;
                break;
        }
    }

    private void Send(byte value)
    {
        _sentIsNew = true;
        if ((_modemControl & Loopback) == 0)
        {
            if (_sent.Count == MostKept)
                _sent.Dequeue();
            _sent.Enqueue(value);
        }
        else if (_received.Count < ((_fifoControl & FifoEnable) != 0 ? FifoSize : 1))
        {
            _received.Enqueue(value);
        }
        else
        {
            _overrun = Overrun;
        }
    }

    private byte Identity =>
        (_interruptEnable & Received) != 0 && _received.Count > 0 ? ReceivedIdentity
        : (_interruptEnable & Sent) != 0 && _sentIsNew ? SentIdentity
        : NoInterrupt;

    private void UpdateLine() => interrupts.SetLine(Irq, Identity != NoInterrupt && (_modemControl & (InterruptsOut | Loopback)) == InterruptsOut);
}
