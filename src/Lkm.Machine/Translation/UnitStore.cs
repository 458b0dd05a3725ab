using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Lkm.Machine.Translation;

/// <summary>
/// Methods that are not in force, and the slots by which all call each other. It outlives its translator: the next processor of this process that comes to the
/// same code (the kernel's, in each kernel that is started from one snapshot) need not wait for the compiler. One translator has it at a time.
/// </summary>
internal sealed unsafe class UnitStore
{
    private const int MostMethods = 1 << 13, MostOfOneEntry = 4;

    private static readonly Lock Gate = new();
    private static readonly List<UnitStore> Idle = [];

    private readonly TranslationOptions _options;
    private readonly long _recordFromAnchor;
    private readonly Dictionary<ulong, List<(byte[] Identity, UnitMethod Method)>> _methods = []; // by entry, the oldest first
    private int _count;
    private readonly ConcurrentDictionary<ulong, nint> _slots = [];

    private UnitStore(TranslationOptions options, long recordFromAnchor) => (_options, _recordFromAnchor) = (options, recordFromAnchor);

    /// <summary>A store for methods that are made with these options, for a record at this distance from the memory's anchor.</summary>
    internal static UnitStore Take(TranslationOptions options, long recordFromAnchor)
    {
        lock (Gate)
        {
            var found = Idle.FindLastIndex(store => store._recordFromAnchor == recordFromAnchor && store._options == options);
            if (found < 0)
                return new UnitStore(options, recordFromAnchor);
            var taken = Idle[found];
            Idle.RemoveAt(found);
            return taken;
        }
    }

    /// <summary>The translator has ended, and all its methods are here.</summary>
    internal void Return()
    {
        UnitStore? surplus = null;
        foreach (var slot in _slots.Values)
            ((Slot*)slot)->Code = (nint)Handlers.NoCode;
        lock (Gate)
        {
            Idle.Add(this);
            if (Idle.Count > Environment.ProcessorCount)
            {
                surplus = Idle[0];
                Idle.RemoveAt(0);
            }
        }
        surplus?.Free();
    }

    /// <summary>The slot of an address, on any thread.</summary>
    internal nint SlotOf(ulong address) => _slots.GetOrAdd(address, static at =>
    {
        var slot = (Slot*)NativeMemory.AllocZeroed((nuint)sizeof(Slot));
        *slot = new Slot { Address = at, Code = (nint)Handlers.NoCode };
        return (nint)slot;
    });

    /// <summary>Gives away the method of a region that was one before; null if there is none.</summary>
    internal UnitMethod? Find(ulong entry, byte[] identity)
    {
        if (!_methods.TryGetValue(entry, out var methods))
            return null;
        var found = methods.FindIndex(kept => kept.Identity.AsSpan().SequenceEqual(identity));
        return found < 0 ? null : Remove(methods, found);
    }

    /// <summary>Keeps the method of a unit that is not in force any more. No frame of it is left.</summary>
    internal void Keep(Unit unit)
    {
        if (unit.Method is not { } method)
            return;
        unit.Method = null;
        if (!_methods.TryGetValue(unit.Entry, out var methods))
            _methods[unit.Entry] = methods = [];
        if (methods.Count == MostOfOneEntry)
            Remove(methods, 0).Free();
        if (_count == MostMethods)
        {
            method.Free();
            return;
        }
        methods.Add((unit.Identity, method));
        _count++;
    }

    private UnitMethod Remove(List<(byte[] Identity, UnitMethod Method)> methods, int index)
    {
        var method = methods[index].Method;
        methods.RemoveAt(index);
        _count--;
        return method;
    }

    private void Free()
    {
        foreach (var (_, method) in _methods.Values.SelectMany(methods => methods))
            method.Free();
        foreach (var slot in _slots.Values)
            NativeMemory.Free((void*)slot);
    }
}
