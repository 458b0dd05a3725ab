using System.Text;

namespace Lkm.Modules;

/// <summary>A symbol and the module that exports it.</summary>
/// <param name="Name">The symbol.</param>
/// <param name="Owner">The module's place in the order.</param>
/// <param name="Bucket">Its place in kmod's table of symbols.</param>
public sealed record ExportedBy(string Name, int Owner, int Bucket);

/// <summary>
/// Finds the module that exports a symbol by a hash of the name's bytes, so that the many imported names never become text. Names once added
/// only change their owner.
/// </summary>
internal sealed class SymbolOwners
{
    private readonly byte[]?[] _names;
    private readonly int[] _owners;
    private readonly int _mask;

    /// <param name="capacity">How many symbols there will be at most.</param>
    public SymbolOwners(int capacity)
    {
        var size = 16;
        while (size < capacity * 2)
        {
            size *= 2;
        }
        _names = new byte[]?[size];
        _owners = new int[size];
        _mask = size - 1;
    }

    /// <summary>Names the owner of a symbol.</summary>
    public void Set(string name, int owner)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        var place = PlaceOf(bytes);
        _names[place] = bytes;
        _owners[place] = owner;
    }

    /// <summary>The owner, or -1 if nothing exports the symbol.</summary>
    public int Find(ReadOnlySpan<byte> name)
    {
        var place = PlaceOf(name);
        return _names[place] is null ? -1 : _owners[place];
    }

    /// <summary>Where the name is, or the free place where it would be.</summary>
    private int PlaceOf(ReadOnlySpan<byte> name)
    {
        var hash = 2166136261u; // FNV-1a
        foreach (var c in name)
        {
            hash = (hash ^ c) * 16777619;
        }
        var place = (int)(hash ^ hash >> 15) & _mask;
        while (_names[place] is { } other && !name.SequenceEqual(other))
        {
            place = place + 1 & _mask;
        }
        return place;
    }
}
