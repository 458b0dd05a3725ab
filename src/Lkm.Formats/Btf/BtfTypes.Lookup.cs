using System.Text;

namespace Lkm.Formats.Btf;

public sealed partial class BtfTypes
{
    private Dictionary<string, long>? _enumerators;

    /// <summary>The first type with this name and kind; of a module first among its own types.</summary>
    /// <param name="name">Name without <c>struct</c>, <c>union</c> or <c>enum</c>.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="type">The type.</param>
    public bool TryFind(string name, BtfKind kind, out BtfType type) => TryFind(Encoding.UTF8.GetBytes(name).AsSpan(), kind, out type);

    /// <summary>The first type with this name and kind; of a module first among its own types.</summary>
    public bool TryFind(ReadOnlySpan<byte> name, BtfKind kind, out BtfType type)
    {
        ReadOnlySpan<byte> index = _index.Span;
        ReadOnlySpan<int> links = BtfIndex.LinksOf(index);
        for (int own = BtfIndex.FirstWithHash(index, name); own >= 0; own = links[own] > own ? links[own] - 1 : -1)
        {
            type = new BtfType(this, _firstId + own);
            if (type.Kind == kind && type.NameUtf8.SequenceEqual(name))
                return true;
        }

        if (Base is not null)
            return Base.TryFind(name, kind, out type);
        type = default;
        return false;
    }

    /// <summary>A structure or union that this kernel may not have.</summary>
    public bool TryStruct(string name, out BtfStruct type)
    {
        bool found = TryFind(name, BtfKind.Struct, out BtfType raw) || TryFind(name, BtfKind.Union, out raw);
        type = found ? new BtfStruct(raw) : default;
        return found;
    }

    /// <summary>
    /// A structure or union that every kernel has. One that may be missing is asked for with <see cref="TryStruct"/>.
    /// </summary>
    /// <exception cref="BtfLookupException">There is no structure or union of this name.</exception>
    public BtfStruct Struct(string name) =>
        TryStruct(name, out BtfStruct type) ? type : throw new BtfLookupException($"the kernel has no struct or union {name}");

    /// <summary>A function's name, parameters and result.</summary>
    public bool TryFunction(string name, out BtfFunction function)
    {
        bool found = TryFind(name, BtfKind.Function, out BtfType raw);
        function = found ? new BtfFunction(raw) : default;
        return found;
    }

    /// <summary>Size in bytes of a type by its name: of a struct, union, typedef, enum or integer type, in this order.</summary>
    public bool TrySize(string name, out ulong size)
    {
        bool found = TryFind(name, BtfKind.Struct, out BtfType type) || TryFind(name, BtfKind.Union, out type)
            || TryFind(name, BtfKind.Typedef, out type) || TryFind(name, BtfKind.Enum, out type) || TryFind(name, BtfKind.Enum64, out type)
            || TryFind(name, BtfKind.Int, out type);
        size = found ? type.Size : 0;
        return found;
    }

    /// <summary>Value of an enumerator, of whatever enumeration. The first question reads all enumerations.</summary>
    public bool TryEnumerator(string name, out long value)
    {
        _enumerators ??= ReadEnumerators();
        return _enumerators.TryGetValue(name, out value) || (Base is not null && Base.TryEnumerator(name, out value));
    }

    /// <summary>Value of an enumerator that every kernel has.</summary>
    /// <exception cref="BtfLookupException">There is no such enumerator.</exception>
    public long Enumerator(string name) =>
        TryEnumerator(name, out long value) ? value : throw new BtfLookupException($"the kernel has no enumerator {name}");

    private Dictionary<string, long> ReadEnumerators()
    {
        var values = new Dictionary<string, long>();
        for (int id = _firstId; id < Count; id++)
        {
            BtfType type = this[id];
            if (type.Kind is not (BtfKind.Enum or BtfKind.Enum64))
                continue;
            foreach (BtfEnumerator enumerator in type.Enumerators)
                values.TryAdd(enumerator.Name, enumerator.Value);
        }

        return values;
    }
}

/// <summary>Code asked for a type or member that it holds to be in every kernel, and this kernel lacks it.</summary>
public sealed class BtfLookupException(string message) : Exception(message);
