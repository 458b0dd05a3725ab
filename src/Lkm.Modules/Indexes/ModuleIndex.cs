using System.Buffers.Binary;

namespace Lkm.Modules;

/// <summary>
/// One of depmod's binary indexes (<c>modules.dep.bin</c>, <c>modules.alias.bin</c> ...), opened for reading. Any node order and any minor version is accepted.
/// </summary>
/// <remarks>
/// A damaged file never throws: what can be read is found, and <see cref="Problem"/> tells the first thing that was wrong.
/// A walk visits no more nodes and values than the file has bytes, so a file whose nodes point back at each other ends too.
/// </remarks>
public sealed class ModuleIndex
{
    private const int LongestKey = 4096;

    private readonly IndexBytes _index;
    private readonly byte[] _bytes;
    private readonly string _file;
    private readonly uint _root;

    private ModuleIndex(IndexBytes bytes, string file, uint root)
    {
        _index = bytes;
        _bytes = bytes.Array;
        _file = file;
        _root = root;
    }

    /// <summary>The first damage met so far, or null.</summary>
    public MalformedFile? Problem { get; private set; }

    /// <summary>Opens an index that is in memory.</summary>
    /// <param name="bytes">The whole file; not to be changed afterwards.</param>
    /// <param name="file">The name that problems are reported under.</param>
    /// <param name="problem">What is wrong with the header, when the result is null.</param>
    public static ModuleIndex? Parse(byte[] bytes, string file, out MalformedFile? problem) => Parse(new IndexBytes(bytes), file, out problem);

    internal static ModuleIndex? Parse(IndexBytes index, string file, out MalformedFile? problem)
    {
        problem = null;
        var bytes = index.Array;
        if (bytes.Length < IndexFormat.HeaderSize || !index.Need(0, IndexFormat.HeaderSize))
        {
            problem = new(file, bytes.Length, "the file is too short for an index header");
        }
        else if (BinaryPrimitives.ReadUInt32BigEndian(bytes) != IndexFormat.Magic)
        {
            problem = new(file, 0, "not an index: magic check fail");
        }
        else if (BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(4)) != IndexFormat.MajorVersion)
        {
            problem = new(file, 4, "unsupported major version of the index");
        }
        return problem is null ? new(index, file, BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(8))) : null;
    }

    /// <summary>The value of highest priority that has exactly this key, or null.</summary>
    public string? Find(ReadOnlySpan<char> key)
    {
        Span<byte> bytes = key.Length <= 256 ? stackalloc byte[key.Length * 3] : new byte[key.Length * 3];
        ReadOnlySpan<byte> rest = bytes[..LosslessText.Encode(key, bytes)];
        if (!ReadNode(_root, out var node))
        {
            return null;
        }
        while (true)
        {
            if (!rest.StartsWith(node.Prefix(_bytes)))
            {
                return null;
            }
            rest = rest[node.PrefixLength..];
            if (rest.IsEmpty)
            {
                var values = new List<IndexValue>(1);
                new Walk(this).AddValues(node, values);
                return values.Count > 0 ? Sorted(values)[0].Text : null;
            }
            if (!TryReadChild(node, rest[0], out node))
            {
                return null;
            }
            rest = rest[1..];
        }
    }

    /// <summary>All values whose key, taken as a pattern (<see cref="Wildcard"/>), matches the text; by priority.</summary>
    public List<IndexValue> FindMatching(ReadOnlySpan<char> text)
    {
        var found = new List<IndexValue>();
        if (ReadNode(_root, out var root))
        {
            new Walk(this).Literal(root, LosslessText.Encode(text), found);
        }
        return Sorted(found);
    }

    /// <summary>Every key with every value, keys in bytewise order.</summary>
    public List<KeyValuePair<string, IndexValue>> ReadAll()
    {
        var all = new List<KeyValuePair<string, IndexValue>>();
        if (ReadNode(_root, out var root))
        {
            new Walk(this).All(root, all);
        }
        return all;
    }

    private readonly struct Node
    {
        public int PrefixStart { get; init; }
        public int PrefixLength { get; init; }
        public byte FirstChild { get; init; }
        public byte LastChild { get; init; }
        public int ChildrenStart { get; init; }
        public int ValuesStart { get; init; }
        public uint ValueCount { get; init; }

        public ReadOnlySpan<byte> Prefix(byte[] bytes) => bytes.AsSpan(PrefixStart, PrefixLength);
    }

    internal void Close() => _index.Dispose();

    private bool Fail(long offset, string reason)
    {
        Problem ??= new(_file, offset, reason);
        return false;
    }

    private bool ReadNode(uint word, out Node node)
    {
        node = default;
        var at = (int)(word & IndexFormat.PositionMask);
        if (at < IndexFormat.HeaderSize || at > _bytes.Length)
        {
            // A root without parts points nowhere in particular: an index without keys.
            return (word & ~IndexFormat.PositionMask) == 0 || Fail(at, "a node lies outside the file");
        }
        int prefixStart = at, prefixLength = 0, children = 0, values = 0;
        byte first = 1, last = 0;
        uint count = 0;
        if ((word & IndexFormat.HasPrefix) != 0)
        {
            prefixLength = _index.StringLength(at);
            if (prefixLength < 0)
            {
                return Fail(at, "a node's prefix has no end");
            }
            at += prefixLength + 1;
        }
        if ((word & IndexFormat.HasChildren) != 0)
        {
            if (_bytes.Length - at < 2 || !_index.Need(at, 2))
            {
                return Fail(at, "a node's children are cut off");
            }
            first = _bytes[at];
            last = _bytes[at + 1];
            children = at + 2;
            if (first > last || last >= 0x80)
            {
                return Fail(at, "a node's first and last child are not 7-bit characters in order");
            }
            at = children + (last - first + 1) * 4;
            if (at > _bytes.Length || !_index.Need(children, at - children))
            {
                return Fail(children, "a node's children are cut off");
            }
        }
        if ((word & IndexFormat.HasValues) != 0)
        {
            if (_bytes.Length - at < 4 || !_index.Need(at, 4))
            {
                return Fail(at, "a node's values are cut off");
            }
            count = BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(at));
            values = at + 4;
            if (count > (_bytes.Length - values) / 5)
            {
                return Fail(at, "a node has more values than the file can hold");
            }
        }
        node = new Node
        {
            PrefixStart = prefixStart,
            PrefixLength = prefixLength,
            FirstChild = first,
            LastChild = last,
            ChildrenStart = children,
            ValuesStart = values,
            ValueCount = count,
        };
        return true;
    }

    private bool TryReadChild(Node node, byte character, out Node child)
    {
        child = default;
        if (character < node.FirstChild || character > node.LastChild)
        {
            return false;
        }
        var word = BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(node.ChildrenStart + (character - node.FirstChild) * 4));
        return word != 0 && ReadNode(word, out child);
    }

    /// <summary>The values by priority; those of equal priority stay in the order in which they were met.</summary>
    private static List<IndexValue> Sorted(List<IndexValue> values)
    {
        for (var i = 1; i < values.Count; i++)
        {
            if (values[i - 1].Priority > values[i].Priority)
            {
                return Sort(values);
            }
        }
        return values;
    }

    private static List<IndexValue> Sort(List<IndexValue> values) => [.. values.OrderBy(static value => value.Priority)];

    private IndexValue? ReadValue(ref int at)
    {
        if (_bytes.Length - at < 5 || !_index.Need(at, 5))
        {
            Fail(at, "a value is cut off");
            return null;
        }
        var length = _index.StringLength(at + 4);
        if (length < 0)
        {
            Fail(at + 4, "a value has no end");
            return null;
        }
        var value = new IndexValue(BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(at)), LosslessText.Decode(_bytes.AsSpan(at + 4, length)));
        at += 4 + length + 1;
        return value;
    }

    /// <summary>One walk through the tree, with the key so far and a bound on the nodes it may visit.</summary>
    private sealed class Walk(ModuleIndex index)
    {
        private readonly byte[] _key = new byte[LongestKey];
        private int _length;
        private int _nodesLeft = index._bytes.Length;
        private int _valuesLeft = index._bytes.Length;

        /// <summary>Follows the text from the node on until a wildcard is met; below wildcards, each key is matched as a pattern.</summary>
        public void Literal(Node node, ReadOnlySpan<byte> text, List<IndexValue> found)
        {
            while (Enter(node))
            {
                var prefix = node.Prefix(index._bytes);
                var same = ShortText.CommonPrefix(prefix, text);
                var wild = IndexOfWildcard(prefix[..same]);
                if (wild >= 0 || same < prefix.Length)
                {
                    wild = wild >= 0 ? wild : same;
                    if (prefix[wild] is (byte)'*' or (byte)'?' or (byte)'[')
                    {
                        Matching(node, wild, text[wild..], found);
                    }
                    return;
                }
                text = text[same..];
                MatchingBelow(node, (byte)'*', text, found);
                MatchingBelow(node, (byte)'?', text, found);
                MatchingBelow(node, (byte)'[', text, found);
                if (text.IsEmpty)
                {
                    AddValues(node, found);
                    return;
                }
                // A wildcard in the text itself is a character like others, which a wildcard in a key was matched with already: kmod finds both.
                if (!index.TryReadChild(node, text[0], out node))
                {
                    return;
                }
                text = text[1..];
            }
        }

        public void All(in Node node, List<KeyValuePair<string, IndexValue>> all)
        {
            if (!Enter(node) || !Push(node.Prefix(index._bytes)))
            {
                return;
            }
            if (node.ValueCount > 0)
            {
                var values = new List<IndexValue>();
                AddValues(node, values);
                values = Sorted(values);
                var key = LosslessText.Decode(_key.AsSpan(0, _length));
                foreach (var value in values)
                {
                    all.Add(new(key, value));
                }
            }
            for (int c = node.FirstChild; c <= node.LastChild; c++)
            {
                if (index.TryReadChild(node, (byte)c, out var child) && Push((byte)c))
                {
                    All(child, all);
                    _length--;
                }
            }
            _length -= node.PrefixLength;
        }

        private void MatchingBelow(in Node node, byte wildcard, ReadOnlySpan<byte> text, List<IndexValue> found)
        {
            if (index.TryReadChild(node, wildcard, out var pattern))
            {
                Push(wildcard);
                Matching(pattern, 0, text, found);
                _length--;
            }
        }

        /// <summary>Matches every key below the node, from character <paramref name="skip"/> of its prefix on, as a pattern.</summary>
        private void Matching(in Node node, int skip, ReadOnlySpan<byte> text, List<IndexValue> found)
        {
            var prefix = node.Prefix(index._bytes)[skip..];
            if (!Enter(node) || !Push(prefix))
            {
                return;
            }
            for (int c = node.FirstChild; c <= node.LastChild; c++)
            {
                if (index.TryReadChild(node, (byte)c, out var child) && Push((byte)c))
                {
                    Matching(child, 0, text, found);
                    _length--;
                }
            }
            if (node.ValueCount > 0 && Wildcard.IsMatch(_key.AsSpan(0, _length), text))
            {
                AddValues(node, found);
            }
            _length -= prefix.Length;
        }

        public void AddValues(in Node node, List<IndexValue> values)
        {
            var at = node.ValuesStart;
            for (uint i = 0; i < node.ValueCount; i++)
            {
                if (--_valuesLeft < 0)
                {
                    index.Fail(node.ValuesStart, "nodes share their values");
                    return;
                }
                if (index.ReadValue(ref at) is not { } value)
                {
                    return;
                }
                values.Add(value);
            }
        }

        private bool Enter(in Node node) =>
            --_nodesLeft > 0 || index.Fail(node.PrefixStart, "nodes point back at each other");

        private static int IndexOfWildcard(ReadOnlySpan<byte> text)
        {
            for (var i = 0; i < text.Length; i++)
            {
                if (text[i] is (byte)'*' or (byte)'?' or (byte)'[')
                {
                    return i;
                }
            }
            return -1;
        }

        private bool Push(byte character) => Push([character]);

        private bool Push(ReadOnlySpan<byte> characters)
        {
            if (characters.Length > LongestKey - _length)
            {
                return index.Fail(0, $"a key is longer than {LongestKey} characters");
            }
            characters.CopyTo(_key.AsSpan(_length));
            _length += characters.Length;
            return true;
        }
    }
}
