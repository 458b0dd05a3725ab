using System.Text;

namespace Lkm.Formats.Btf;

/// <summary>A structure or union, and what lies where in it.</summary>
public readonly struct BtfStruct
{
    /// <summary>
    /// Members that one question looks at, at most: far above any structure's; it bounds the walk through damaged types.
    /// </summary>
    private const int MaxMembers = 100_000;

    internal BtfStruct(BtfType type) => Type = type;

    /// <summary>The type.</summary>
    public BtfType Type { get; }

    /// <summary>Its name without <c>struct</c> or <c>union</c>.</summary>
    public string Name => Type.Name;

    /// <summary>Size in bytes.</summary>
    public int Size => (int)Type.Size;

    /// <summary>Its members, in order of declaration.</summary>
    public IEnumerable<BtfMember> Members => Type.Members;

    /// <summary>
    /// Offset in bytes of a member that every kernel has. A path leads into structures and arrays that lie inside this one:
    /// <c>thread.sp</c>, <c>thread.tls_array[2]</c>. Anonymous structures and unions need no name.
    /// </summary>
    /// <exception cref="BtfLookupException">There is no such member, or it is a bit-field.</exception>
    public int Offset(string path)
    {
        BtfMember member = Member(path);
        return member.IsBitField ? throw new BtfLookupException($"{Type}: {path} is a bit-field and has no offset in bytes") : (int)member.Offset;
    }

    /// <summary>Offset in bytes of a member that this kernel may not have; false also for a bit-field.</summary>
    public bool TryOffset(string path, out int offset)
    {
        bool found = TryMember(path, out BtfMember member) && !member.IsBitField;
        offset = found ? (int)member.Offset : 0;
        return found;
    }

    /// <summary>A member that every kernel has; its offset counts from the start of this structure.</summary>
    /// <exception cref="BtfLookupException">There is no such member.</exception>
    public BtfMember Member(string path) =>
        TryMember(path, out BtfMember member) ? member : throw new BtfLookupException($"{Type} has no member {path} in this kernel");

    /// <summary>A member that this kernel may not have.</summary>
    public bool TryMember(string path, out BtfMember member)
    {
        member = new BtfMember("", Type, 0, 0);
        int budget = MaxMembers;
        foreach (Range range in path.AsSpan().Split('.'))
        {
            ReadOnlySpan<char> step = path.AsSpan()[range];
            int bracket = step.IndexOf('[');
            ReadOnlySpan<char> name = bracket < 0 ? step : step[..bracket];
            if (!TryFind(member.Type, Encoding.UTF8.GetBytes(name.ToString()), member.BitOffset, BtfType.MaxDepth, ref budget, out member))
                return false;
            if (bracket >= 0 && !TryIndex(step[bracket..], ref member))
                return false;
        }

        return true;
    }

    private static bool TryFind(BtfType within, ReadOnlySpan<byte> name, ulong bitOffset, int depth, ref int budget, out BtfMember found)
    {
        BtfType composite = within.Resolved;
        found = default;
        if (depth == 0 || !composite.IsComposite)
            return false;
        for (int i = 0; i < composite.EntryCount && budget-- > 0; i++)
        {
            ReadOnlySpan<byte> memberName = composite.MemberNameUtf8(i);
            if (!memberName.IsEmpty && memberName.SequenceEqual(name))
            {
                found = composite.Member(i);
                found = found with { BitOffset = found.BitOffset + bitOffset };
                return true;
            }

            if (memberName.IsEmpty)
            {
                BtfMember anonymous = composite.Member(i);
                if (TryFind(anonymous.Type, name, bitOffset + anonymous.BitOffset, depth - 1, ref budget, out found))
                    return true;
            }
        }

        return false;
    }

    /// <summary>Follows <c>[2]</c> or <c>[1][2]</c>.</summary>
    private static bool TryIndex(ReadOnlySpan<char> indices, ref BtfMember member)
    {
        while (!indices.IsEmpty)
        {
            int end = indices.IndexOf(']');
            BtfType array = member.Type.Resolved;
            if (indices[0] != '[' || end < 0 || !uint.TryParse(indices[1..end], out uint index) || array.Kind != BtfKind.Array
                || (index >= array.ElementCount && array.ElementCount != 0))
                return false;
            member = member with { Type = array.Target, BitOffset = unchecked(member.BitOffset + index * array.Target.Size * 8) };
            indices = indices[(end + 1)..];
        }

        return true;
    }
}
