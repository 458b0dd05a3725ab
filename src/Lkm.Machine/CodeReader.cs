using Iced.Intel;

namespace Lkm.Machine;

/// <summary>Feeds the decoder with guest bytes, as far as the shadow lets them be read.</summary>
internal sealed unsafe class GuestCodeReader(GuestMemory memory) : CodeReader
{
    private ulong _at;
    private ulong _readableUntil;
    private bool _trusted;

    /// <summary>Starts at an address of the window.</summary>
    /// <param name="address">Where.</param>
    /// <param name="trusted">Whether the shadow does not matter.</param>
    internal void Start(ulong address, bool trusted)
    {
        _at = address;
        _readableUntil = address;
        _trusted = trusted;
    }

    /// <inheritdoc/>
    public override int ReadByte()
    {
        if (_at == _readableUntil && !Extend())
            return -1;
        return memory.Bias[_at++];
    }

    // By whole granules; the last byte of the address space is out of reach, which costs nobody anything.
    private bool Extend()
    {
        if (_at < GuestMemory.WindowStart || _at >= ulong.MaxValue - 7)
            return false;
        var state = memory.ShadowBias[GuestMemory.GranuleOf(_at)];
        if (_trusted || GuestMemory.Permits(state, 7, write: false))
            _readableUntil = (_at | 7) + 1;
        else if (GuestMemory.Permits(state, (int)(_at & 7), write: false))
            _readableUntil = _at + 1;
        else
            return false;
        return true;
    }
}
