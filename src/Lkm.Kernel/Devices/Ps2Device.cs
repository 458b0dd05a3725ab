namespace Lkm.Kernel.Devices;

/// <summary>
/// What keyboard and mouse have in common on their line to the controller (IBM PS/2 Hardware Interface Technical Reference): they answer each
/// byte of the host's at once, and what they have to say waits until it is fetched. Nobody presses a key or moves the mouse.
/// </summary>
internal abstract class Ps2Device
{
    /// <summary>A byte was received.</summary>
    protected const byte Acknowledged = 0xfa;

    /// <summary>A byte was not understood.</summary>
    protected const byte Resend = 0xfe;

    /// <summary>The self-test after a reset has passed.</summary>
    protected const byte TestPassed = 0xaa;

    private readonly Queue<byte> _answers = new();

    /// <summary>Whether a byte waits.</summary>
    public bool HasData => _answers.Count > 0;

    /// <summary>The command whose argument comes next; 0 for none.</summary>
    protected byte Command { get; set; }

    /// <summary>Takes the next byte.</summary>
    public byte Take() => _answers.Dequeue();

    /// <summary>The host sends a byte, which ends what was being said.</summary>
    public void Receive(byte value)
    {
        _answers.Clear();
        if (Command != 0)
        {
            var command = Command;
            Command = 0;
            Answer(Acknowledged);
            TakeArgument(command, value);
            return;
        }

        Obey(value);
    }

    /// <summary>Writes the state; what was not fetched is lost.</summary>
    public abstract void Save(BinaryWriter writer);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public abstract void Restore(BinaryReader reader);

    /// <summary>Says bytes.</summary>
    protected void Answer(params ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
            _answers.Enqueue(value);
    }

    /// <summary>Does what a command says, and acknowledges it.</summary>
    protected abstract void Obey(byte command);

    /// <summary>Takes a command's argument, which is acknowledged already.</summary>
    protected abstract void TakeArgument(byte command, byte value);
}
