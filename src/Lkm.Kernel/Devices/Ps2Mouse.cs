namespace Lkm.Kernel.Devices;

/// <summary>
/// A mouse with a wheel and five buttons, as QEMU's: it is a plain one until the host sets three certain rates in turn (Microsoft's
/// IntelliMouse protocol), by which it shows what else it has.
/// </summary>
internal sealed class Ps2Mouse : Ps2Device
{
    private const byte SetScaling = 0xe7, ResetScaling = 0xe6, SetResolution = 0xe8, Status = 0xe9, Stream = 0xea, Poll = 0xeb, EndWrap = 0xec, Wrap = 0xee,
        Remote = 0xf0, Identify = 0xf2, SetRate = 0xf3, Enable = 0xf4, Disable = 0xf5, SetDefaults = 0xf6, Reset = 0xff;
    private const byte Plain = 0, WithWheel = 3, WithButtons = 4; // what it identifies as
    private const byte IsRemote = 1 << 6, IsEnabled = 1 << 5, IsScaled = 1 << 4; // of the status

    private byte _kind, _status, _resolution = 2, _rate = 100;
    private byte _rateBefore, _rateBeforeThat;
    private bool _wraps;

    /// <inheritdoc/>
    public override void Save(BinaryWriter writer)
    {
        writer.Write([Command, _kind, _status, _resolution, _rate, _rateBefore, _rateBeforeThat]);
        writer.Write(_wraps);
    }

    /// <inheritdoc/>
    public override void Restore(BinaryReader reader)
    {
        (Command, _kind, _status, _resolution) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        (_rate, _rateBefore, _rateBeforeThat) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        _wraps = reader.ReadBoolean();
    }

    /// <inheritdoc/>
    protected override void Obey(byte command)
    {
        if (_wraps && command is not (EndWrap or Reset))
        {
            Answer(command);
            return;
        }

        switch (command)
        {
            case SetScaling:
                Change(_status | IsScaled);
                break;
            case ResetScaling:
                Change(_status & ~IsScaled);
                break;
            case Stream:
                Change(_status & ~IsRemote);
                break;
            case Remote:
                Change(_status | IsRemote);
                break;
            case Enable:
                Change(_status | IsEnabled);
                break;
            case Disable:
                Change(_status & ~IsEnabled);
                break;
            case Wrap or EndWrap:
                _wraps = command == Wrap;
                Answer(Acknowledged);
                break;
            case SetResolution or SetRate:
                Command = command;
                Answer(Acknowledged);
                break;
            case Status:
                Answer(Acknowledged, _status, _resolution, _rate);
                break;
            case Poll:
                Answer(Acknowledged, 1 << 3, 0, 0); // no button, no movement
                if (_kind != Plain)
                    Answer(0);
                break;
            case Identify:
                Answer(Acknowledged, _kind);
                break;
            case SetDefaults:
                SetToDefaults();
                Answer(Acknowledged);
                break;
            case Reset:
                SetToDefaults();
                (_kind, _wraps) = (Plain, false);
                Answer(Acknowledged, TestPassed, _kind);
                break;
            default:
                Answer(Resend);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void TakeArgument(byte command, byte value)
    {
        if (command == SetResolution)
        {
            _resolution = value;
            return;
        }

        _kind = (_rateBeforeThat, _rateBefore, value) switch
        {
            (200, 100, 80) => WithWheel,
            (200, 200, 80) when _kind == WithWheel => WithButtons,
            _ => _kind,
        };
        (_rateBeforeThat, _rateBefore, _rate) = (_rateBefore, value, value);
    }

    private void Change(int status)
    {
        _status = (byte)status;
        Answer(Acknowledged);
    }

    private void SetToDefaults() => (_status, _resolution, _rate, _rateBefore, _rateBeforeThat) = (0, 2, 100, 0, 0);
}
