namespace Lkm.Machine.Translation;

/// <summary>
/// What a unit accesses of its stack, relative to the stack pointer at the entry: checked there, all together, and never again. While a frame of the
/// host lives nothing runs but translated code, which cannot take from the shadow (<see cref="NativeForms.MayChangeShadow"/>).
/// </summary>
internal sealed class Frame(Place place)
{
    private const long Below = -512, Above = 256; // bytes around the stack pointer

    private long _first = long.MaxValue, _end = long.MinValue;

    /// <summary>The first byte, a multiple of 8.</summary>
    internal long First => _first;

    internal int Granules => (int)((_end - _first) >> 3);

    internal bool IsEmpty => _first >= _end;

    /// <summary>Makes an access part of it, if it is one of the stack not too far away.</summary>
    internal void Add(Access access)
    {
        var end = access.Offset + access.Size;
        if (access.Place != place || access.Offset < Below || end > Above)
            return;
        _first = Math.Min(_first, access.Offset & ~7L);
        _end = Math.Max(_end, (end + 7) & ~7L);
    }

    /// <summary>Whether an access lies in it.</summary>
    internal bool Covers(Access access) => access.Place == place && access.Offset >= _first && access.Offset + access.Size <= _end;
}
