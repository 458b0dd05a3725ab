using System.Buffers.Binary;

namespace Lkm.Modules;

/// <summary>
/// Builds an index in memory and writes it in depmod's binary form. The bytes depend on the keys and values only, not on the order of insertion.
/// </summary>
/// <remarks>Nodes are written parents first, children by character, as kmod does since version 31.</remarks>
public sealed class IndexBuilder
{
    private readonly Node _root = new();

    /// <summary>Adds a value to a key.</summary>
    /// <param name="key">7-bit characters, none of them NUL.</param>
    /// <param name="value">The value's text.</param>
    /// <param name="priority">Lower comes first.</param>
    /// <returns>Whether the key had no such value yet; otherwise the value is added once more, as depmod does.</returns>
    /// <exception cref="ArgumentException">A character of the key is NUL or beyond 7 bits: ask <see cref="IsValidKey"/> first.</exception>
    public bool Add(ReadOnlySpan<char> key, string value, uint priority)
    {
        if (!IsValidKey(key))
        {
            throw new ArgumentException("An index key holds 7-bit characters only.", nameof(key));
        }
        var node = _root;
        while (true)
        {
            var common = key.CommonPrefixLength(node.Prefix);
            if (common < node.Prefix.Length)
            {
                node.SplitAt(common);
            }
            key = key[common..];
            if (key.IsEmpty)
            {
                return node.AddValue(new(priority, value));
            }
            ref var child = ref node.Child(key[0]);
            if (child is null)
            {
                child = new Node { Prefix = key[1..].ToString() };
                return child.AddValue(new(priority, value));
            }
            node = child;
            key = key[1..];
        }
    }

    /// <summary>Whether a key has a form that the index can hold.</summary>
    public static bool IsValidKey(ReadOnlySpan<char> key) => !key.ContainsAnyExceptInRange('\x01', '\x7F');

    /// <summary>The index file's bytes.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[checked(IndexFormat.HeaderSize + _root.Measure())];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, IndexFormat.Magic);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), IndexFormat.Version);
        var at = IndexFormat.HeaderSize;
        var root = _root.Write(bytes, ref at);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), root);
        return bytes;
    }

    private sealed class Node
    {
        private Node?[] _children = []; // by character, from _first on
        private char _first;
        private List<IndexValue>? _values;
        private int _size; // bytes of this node without its children; set by Measure

        public string Prefix { get; set; } = "";

        /// <summary>Keeps the first <paramref name="length"/> characters of the prefix, and moves everything else into a child.</summary>
        public void SplitAt(int length)
        {
            var rest = new Node { Prefix = Prefix[(length + 1)..], _children = _children, _first = _first, _values = _values };
            var character = Prefix[length];
            Prefix = Prefix[..length];
            _children = [];
            _values = null;
            Child(character) = rest;
        }

        public ref Node? Child(char character)
        {
            if (_children.Length == 0)
            {
                _first = character;
                _children = new Node?[1];
            }
            else if (character < _first)
            {
                var wider = new Node?[_children.Length + _first - character];
                _children.CopyTo(wider, _first - character);
                (_children, _first) = (wider, character);
            }
            else if (character - _first >= _children.Length)
            {
                Array.Resize(ref _children, character - _first + 1);
            }
            return ref _children[character - _first];
        }

        public bool AddValue(IndexValue value)
        {
            _values ??= [];
            var isNew = true;
            var place = _values.Count;
            for (var i = _values.Count - 1; i >= 0; i--)
            {
                isNew &= _values[i].Text != value.Text;
                if (_values[i].Priority > value.Priority)
                {
                    place = i;
                }
            }
            _values.Insert(place, value);
            return isNew;
        }

        public int Measure()
        {
            _size = (Prefix.Length > 0 ? Prefix.Length + 1 : 0) + (_children.Length > 0 ? 2 + _children.Length * 4 : 0);
            if (_values is not null)
            {
                _size += 4;
                foreach (var value in _values)
                {
                    _size += 4 + LosslessText.Encode(value.Text).Length + 1;
                }
            }
            var total = _size;
            foreach (var child in _children)
            {
                total = checked(total + (child?.Measure() ?? 0));
            }
            return total;
        }

        /// <summary>Writes the node and everything below it; the result is its offset word.</summary>
        public uint Write(byte[] bytes, ref int at)
        {
            var word = (uint)at;
            var here = at;
            at += _size;
            if (Prefix.Length > 0)
            {
                word |= IndexFormat.HasPrefix;
                foreach (var character in Prefix)
                {
                    bytes[here++] = (byte)character;
                }
                here++;
            }
            if (_children.Length > 0)
            {
                word |= IndexFormat.HasChildren;
                bytes[here++] = (byte)_first;
                bytes[here++] = (byte)(_first + _children.Length - 1);
                foreach (var child in _children)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(here), child?.Write(bytes, ref at) ?? 0);
                    here += 4;
                }
            }
            if (_values is not null)
            {
                word |= IndexFormat.HasValues;
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(here), (uint)_values.Count);
                here += 4;
                foreach (var value in _values)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(here), value.Priority);
                    here += 4;
                    here += LosslessText.Encode(value.Text, bytes.AsSpan(here));
                    here++;
                }
            }
            return word;
        }
    }
}
