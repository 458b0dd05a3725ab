using Iced.Intel;

namespace Lkm.Machine;

/// <summary>Feeds the decoder with guest bytes, as far as the shadow lets them be read, and page tables be executed.</summary>
/// <param name="memory">The memory.</param>
/// <param name="environment">Who knows the page tables; null where there are none.</param>
internal sealed unsafe class GuestCodeReader(GuestMemory memory, ICpuEnvironment? environment) : CodeReader
{
    private ulong _at;
    private ulong _executablePage;
    private ulong _readableUntil;
    private bool _trusted;

    /// <summary>Starts at an address of the window.</summary>
    /// <param name="address">Where.</param>
    /// <param name="trusted">Whether the shadow does not matter.</param>
    internal void Start(ulong address, bool trusted)
    {
        _at = address;
        _readableUntil = address;
        _executablePage = 0; // it may have changed
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
        if (!_trusted && !IsExecutable(_at & ~(GuestMemory.PageSize - 1)))
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

    private bool IsExecutable(ulong page)
    {
        if (page != _executablePage && environment?.IsExecutable(page) == false)
            return false;
        _executablePage = page;
        return true;
    }
}
