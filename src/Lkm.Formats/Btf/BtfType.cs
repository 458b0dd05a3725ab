namespace Lkm.Formats.Btf;

/// <summary>One type: a number in its table. What a kind does not have reads as nothing (0, void, empty).</summary>
public readonly struct BtfType : IEquatable<BtfType>
{
    /// <summary>Types nest no deeper in any C program; it bounds the walk through damaged ones.</summary>
    internal const int MaxDepth = 64;

    /// <summary>Of x86-64.</summary>
    private const ulong PointerSize = 8;

    private readonly BtfTypes? _types;

    internal BtfType(BtfTypes types, int id) => (_types, Id) = (types, id);

    /// <summary>Number of the type; 0 is void.</summary>
    public int Id { get; }

    /// <summary>The table it belongs to.</summary>
    public BtfTypes Types => _types ?? throw new InvalidOperationException("no type");

    /// <summary>What it is.</summary>
    public BtfKind Kind => Id == 0 ? BtfKind.Void : (BtfKind)(Info >> 24 & 0x1f);

    /// <summary>Its name as bytes; empty when it has none.</summary>
    public ReadOnlySpan<byte> NameUtf8 => Id == 0 ? default : Types.Text(Word(0));

    /// <summary>Its name; empty when it has none.</summary>
    public string Name => Id == 0 ? "" : Types.TextString(Word(0));

    /// <summary>The type that it points to, names, qualifies or returns; of an array its elements.</summary>
    public BtfType Target => Kind switch
    {
        BtfKind.Pointer or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.Function
            or BtfKind.FunctionPrototype or BtfKind.Variable or BtfKind.DeclarationTag or BtfKind.TypeTag => Types[(int)Word(8)],
        BtfKind.Array => Types[(int)Word(12)],
        _ => default(BtfType).Of(Types),
    };

    /// <summary>Number of elements of an array.</summary>
    public uint ElementCount => Kind == BtfKind.Array ? Word(20) : 0;

    /// <summary>True for an integer or enumeration that is signed.</summary>
    public bool IsSigned => Kind switch
    {
        BtfKind.Int => (Word(12) >> 24 & 1) != 0,
        BtfKind.Enum or BtfKind.Enum64 => KindFlag,
        _ => false,
    };

    /// <summary>True for the integer type of C's bool.</summary>
    public bool IsBool => Kind == BtfKind.Int && (Word(12) >> 24 & 4) != 0;

    /// <summary>Width of an integer in bits.</summary>
    public int BitWidth => Kind == BtfKind.Int ? (int)(Word(12) & 0xff) : 0;

    /// <summary>Size in bytes; 0 for void, functions and types that are only declared.</summary>
    public ulong Size => SizeWithin(MaxDepth);

    /// <summary>True for a structure or union.</summary>
    public bool IsComposite => Kind is BtfKind.Struct or BtfKind.Union;

    /// <summary>
    /// The members of a structure or union, the parameters of a prototype, the enumerators of an enumeration: their number.
    /// </summary>
    public int EntryCount => Id == 0 ? 0 : (int)(Info & 0xffff);

    /// <summary>Members of a structure or union, in order of declaration.</summary>
    public IEnumerable<BtfMember> Members
    {
        get
        {
            for (int i = 0; IsComposite && i < EntryCount; i++)
                yield return Member(i);
        }
    }

    /// <summary>Enumerators of an enumeration.</summary>
    public IEnumerable<BtfEnumerator> Enumerators
    {
        get
        {
            for (int i = 0; Kind is BtfKind.Enum or BtfKind.Enum64 && i < EntryCount; i++)
                yield return Enumerator(i);
        }
    }

    /// <summary>The type without typedefs and qualifiers around it.</summary>
    public BtfType Resolved
    {
        get
        {
            BtfType type = this;
            for (int depth = 0; depth < MaxDepth; depth++)
            {
                if (type.Kind is not (BtfKind.Typedef or BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict or BtfKind.TypeTag))
                    return type;
                type = type.Target;
            }

            return default(BtfType).Of(Types);
        }
    }

    internal bool KindFlag => Id != 0 && Info >> 31 != 0;

    private uint Info => Word(4);

    /// <summary>Same table and number.</summary>
    public bool Equals(BtfType other) => ReferenceEquals(_types, other._types) && Id == other.Id;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BtfType other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Id;

    /// <summary>The type in C, such as <c>struct task_struct *</c>.</summary>
    public override string ToString() => BtfDeclaration.Of(this, "");

    /// <summary>A declaration in C, such as <c>char comm[16]</c>.</summary>
    public string Declare(string identifier) => BtfDeclaration.Of(this, identifier);

    internal BtfType Of(BtfTypes types) => new(types, 0);

    internal BtfMember Member(int index)
    {
        ReadOnlySpan<byte> entry = Entry(index, 12);
        uint offset = BtfTypes.Word(entry, 8);
        BtfType type = Types[(int)BtfTypes.Word(entry, 4)];
        if (KindFlag)
            return new BtfMember(Types.TextString(BtfTypes.Word(entry, 0)), type, offset & 0xff_ffff, (int)(offset >> 24));

        // Without the flag a bit-field is one whose integer type says so.
        BtfType resolved = type.Resolved;
        bool isBitField = resolved.Kind == BtfKind.Int && (ulong)resolved.BitWidth < resolved.Size * 8 && !resolved.IsBool;
        uint within = isBitField ? resolved.Word(12) >> 16 & 0xff : 0;
        return new BtfMember(Types.TextString(BtfTypes.Word(entry, 0)), type, offset + within, isBitField ? resolved.BitWidth : 0);
    }

    internal ReadOnlySpan<byte> MemberNameUtf8(int index) => Types.Text(BtfTypes.Word(Entry(index, 12), 0));

    internal BtfParameter Parameter(int index)
    {
        ReadOnlySpan<byte> entry = Entry(index, 8);
        return new BtfParameter(Types.TextString(BtfTypes.Word(entry, 0)), Types[(int)BtfTypes.Word(entry, 4)]);
    }

    private BtfEnumerator Enumerator(int index)
    {
        bool isLong = Kind == BtfKind.Enum64;
        ReadOnlySpan<byte> entry = Entry(index, isLong ? 12 : 8);
        string name = Types.TextString(BtfTypes.Word(entry, 0));
        uint low = BtfTypes.Word(entry, 4);
        if (isLong)
            return new BtfEnumerator(name, (long)((ulong)BtfTypes.Word(entry, 8) << 32 | low));

        // Before Linux 6.0 nothing told signed from unsigned; a negative value is far likelier than one above 2^31.
        return new BtfEnumerator(name, (int)low);
    }

    private ReadOnlySpan<byte> Entry(int index, int size) => Types.Record(Id).Slice(BtfTypes.TypeSize + index * size, size);

    private uint Word(int at) => BtfTypes.Word(Types.Record(Id), at);

    private ulong SizeWithin(int depth)
    {
        BtfType type = Resolved;
        switch (type.Kind)
        {
            case BtfKind.Pointer:
                return PointerSize;
            case BtfKind.Int or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float or BtfKind.DataSection:
                return type.Word(8);
            case BtfKind.Array when depth > 0:
                return unchecked(type.ElementCount * type.Target.SizeWithin(depth - 1));
            case BtfKind.Variable or BtfKind.DeclarationTag when depth > 0:
                return type.Target.SizeWithin(depth - 1);
            default:
                return 0;
        }
    }
}

/// <summary>A member of a structure or union.</summary>
/// <param name="Name">Its name; empty for an anonymous structure or union.</param>
/// <param name="Type">Its type.</param>
/// <param name="BitOffset">Where it starts, in bits from the start of the structure that it was looked up in.</param>
/// <param name="BitSize">Width of a bit-field in bits; 0 for other members.</param>
public readonly record struct BtfMember(string Name, BtfType Type, ulong BitOffset, int BitSize)
{
    /// <summary>Where it starts, in bytes; of a bit-field the byte that holds its first bit.</summary>
    public ulong Offset => BitOffset / 8;

    /// <summary>True for a bit-field.</summary>
    public bool IsBitField => BitSize != 0;
}

/// <summary>A named value of an enumeration.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value.</param>
public readonly record struct BtfEnumerator(string Name, long Value);

/// <summary>A parameter of a function.</summary>
/// <param name="Name">Its name; empty in a prototype without names.</param>
/// <param name="Type">Its type; void, without a name, stands for the dots of a variadic function.</param>
public readonly record struct BtfParameter(string Name, BtfType Type);
