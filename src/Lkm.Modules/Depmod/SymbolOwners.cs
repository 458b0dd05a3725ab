using System.Text;

namespace Lkm.Modules;

/// <summary>Finds the module that exports a symbol, by a hash of the name's bytes, so that imported names never become text.</summary>
internal sealed class SymbolOwners
{
    private readonly Dictionary<byte[], int> _owners;
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    public SymbolOwners(int capacity)
    {
        _owners = new(capacity, NameComparer.Instance);
        _lookup = _owners.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Names the owner of a symbol, or another one than before; a negative number is the kernel itself.</summary>
    public void Set(string name, int owner) => _owners[Encoding.UTF8.GetBytes(name)] = owner;

    /// <summary>The owner, or <see cref="int.MinValue"/> if nothing exports the symbol.</summary>
    public int Find(ReadOnlySpan<byte> name) => _lookup.TryGetValue(name, out var owner) ? owner : int.MinValue;

    private sealed class NameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly NameComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public int GetHashCode(byte[] name) => GetHashCode(name.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> name)
        {
            var hash = new HashCode();
            hash.AddBytes(name);
            return hash.ToHashCode();
        }
    }
}
