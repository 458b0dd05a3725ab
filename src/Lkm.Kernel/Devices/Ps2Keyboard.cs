namespace Lkm.Kernel.Devices;

/// <summary>A keyboard of type MF2, as every PC's: its commands, three lights and three sets of scan codes.</summary>
internal sealed class Ps2Keyboard : Ps2Device
{
    private const byte SetLights = 0xed, Echo = 0xee, ScanCodeSet = 0xf0, Identify = 0xf2, SetRate = 0xf3, Enable = 0xf4, Disable = 0xf5,
        SetDefaults = 0xf6, Reset = 0xff;

    private byte _scanCodeSet = 2;

    /// <summary>The lights that are on: scroll lock, num lock and caps lock, from bit 0.</summary>
    public byte Lights { get; private set; }

    /// <inheritdoc/>
    public override void Save(BinaryWriter writer) => writer.Write([Command, _scanCodeSet, Lights]);

    /// <inheritdoc/>
    public override void Restore(BinaryReader reader) => (Command, _scanCodeSet, Lights) = (reader.ReadByte(), reader.ReadByte(), reader.ReadByte());

    /// <inheritdoc/>
    protected override void Obey(byte command)
    {
        switch (command)
        {
            case Echo:
                Answer(Echo);
                break;
            case Identify:
                Answer(Acknowledged, 0xab, 0x83);
                break;
            case SetLights or ScanCodeSet or SetRate:
                Command = command;
                Answer(Acknowledged);
                break;
            case Enable or Disable or SetDefaults:
                Answer(Acknowledged);
                break;
            case Reset:
                (Lights, _scanCodeSet) = (0, 2);
                Answer(Acknowledged, TestPassed);
                break;
            default:
                Answer(Resend);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void TakeArgument(byte command, byte value)
    {
        const byte tellSet = 0;
        if (command == SetLights)
            Lights = value;
        else if (command == ScanCodeSet && value == tellSet)
            Answer(_scanCodeSet);
        else if (command == ScanCodeSet)
            _scanCodeSet = value;
    }
}
