using Iced.Intel;

namespace Lkm.Machine;

/// <summary>Where lowering gets instructions from, one after the other.</summary>
internal abstract class InstructionSource
{
    /// <summary>Goes on at an address.</summary>
    /// <param name="rip">Where.</param>
    /// <param name="trusted">Whether the shadow does not matter.</param>
    internal abstract void Start(ulong rip, bool trusted);

    /// <summary>The next instruction; an invalid one has an error.</summary>
    internal abstract DecodedInstruction Next();

    /// <summary>The instruction at an address, for itself.</summary>
    internal virtual DecodedInstruction Single(ulong rip, bool trusted)
    {
        Start(rip, trusted);
        return Next();
    }
}

/// <summary>An instruction, or why there is none.</summary>
/// <param name="Instruction">The instruction.</param>
/// <param name="Error">Why it is invalid, if it is.</param>
internal readonly record struct DecodedInstruction(Instruction Instruction, DecoderError Error);

/// <summary>Decodes the bytes of guest memory, as far as the shadow lets them be read.</summary>
internal sealed class InstructionDecoder : InstructionSource
{
    private const int MostRemembered = 64, LongestInstruction = 15;

    private readonly GuestMemory _memory;
    private readonly GuestCodeReader _reader;
    private Decoder? _decoder; // its types are many, and not every run decodes something

    // Where hooks are, the same instructions are executed one by one again and again.
    private readonly Instruction[] _remembered = new Instruction[MostRemembered];
    private readonly byte[] _bytes = new byte[MostRemembered * LongestInstruction];

    /// <summary>Creates it.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="environment">Who knows what may be executed; null if all may that can be read.</param>
    internal InstructionDecoder(GuestMemory memory, ICpuEnvironment? environment = null)
    {
        _memory = memory;
        _reader = new GuestCodeReader(memory, environment);
    }

    /// <summary>Gets the decoder's tables ready, which takes longer than decoding thousands of instructions.</summary>
    internal static void Load()
    {
        const byte nop = 0x90;
        Decoder.Create(64, new byte[] { nop }).Decode(out _);
    }

    internal override void Start(ulong rip, bool trusted)
    {
        _reader.Start(rip, trusted);
        _decoder ??= Decoder.Create(64, _reader);
        _decoder.IP = rip;
    }

    internal override DecodedInstruction Next()
    {
        _decoder!.Decode(out var instruction);
        return new DecodedInstruction(instruction, _decoder.LastError);
    }

    /// <inheritdoc/>
    internal override DecodedInstruction Single(ulong rip, bool trusted)
    {
        var place = (int)(rip % MostRemembered);
        ref var remembered = ref _remembered[place];
        var bytes = _bytes.AsSpan(place * LongestInstruction, LongestInstruction);
        if (remembered.IP == rip && remembered.Length > 0 && AreStillThere(bytes[..remembered.Length], rip, trusted))
            return new DecodedInstruction(remembered, DecoderError.None);
        Start(rip, trusted);
        var decoded = Next();
        remembered = decoded.Instruction.IsInvalid ? default : decoded.Instruction;
        _memory.Span(rip, remembered.Length).CopyTo(bytes);
        return decoded;
    }

    private bool AreStillThere(ReadOnlySpan<byte> bytes, ulong rip, bool trusted)
    {
        _reader.Start(rip, trusted);
        foreach (var known in bytes)
        {
            if (_reader.ReadByte() != known)
                return false;
        }

        return true;
    }
}

/// <summary>Writes down what another source gives.</summary>
internal sealed class InstructionRecorder(InstructionSource source) : InstructionSource
{
    private readonly List<DecodedInstruction> _given = [];

    /// <summary>What was given since the last start.</summary>
    internal DecodedInstruction[] Given => [.. _given];

    internal override void Start(ulong rip, bool trusted)
    {
        _given.Clear();
        source.Start(rip, trusted);
    }

    internal override DecodedInstruction Next()
    {
        _given.Add(source.Next());
        return _given[^1];
    }
}

/// <summary>Gives again what was written down. Whoever asks for more than that gets an invalid instruction.</summary>
internal sealed class InstructionPlayer(ReadOnlyMemory<DecodedInstruction> given) : InstructionSource
{
    private int _next;

    internal override void Start(ulong rip, bool trusted)
    {
    }

    internal override DecodedInstruction Next() => _next < given.Length ? given.Span[_next++] : new DecodedInstruction(default, DecoderError.NoMoreBytes);
}
