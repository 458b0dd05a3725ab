using Lkm.Formats.Btf;

namespace Lkm.Formats.Tests.Builders;

/// <summary>Writes type information. Types are numbered in the order added, from 1 or from where a base ends.</summary>
public sealed class BtfBuilder(int firstId = 1, int firstString = 0)
{
    private readonly ByteWriter _types = new();
    private readonly ByteWriter _strings = firstString == 0 ? new ByteWriter().U8(0) : new ByteWriter();
    private int _next = firstId;

    public int StringsLength => firstString + _strings.Length;

    public int Count => _next;

    public int Int(string name, int size, bool isSigned = false) =>
        Add(name, BtfKind.Int, 0, false, (uint)size, type => type.U32((isSigned ? 1 << 24 : 0) | size * 8));

    public int Reference(BtfKind kind, int target, string name = "") => Add(name, kind, 0, false, (uint)target, _ => { });

    public int Array(int element, int count) => Add("", BtfKind.Array, 0, false, 0, type => type.U32(element).U32(1).U32(count));

    public int Composite(BtfKind kind, string name, int size, params (string Name, int Type, int Bits, int BitSize)[] members) =>
        Add(name, kind, members.Length, members.Any(member => member.BitSize != 0), (uint)size, type =>
        {
            foreach (var (memberName, memberType, bits, bitSize) in members)
                type.U32(Text(memberName)).U32(memberType).U32(bits | bitSize << 24);
        });

    public int Enum(string name, params (string Name, int Value)[] values) => Add(name, BtfKind.Enum, values.Length, false, 4, type =>
    {
        foreach (var (valueName, value) in values)
            type.U32(Text(valueName)).U32(value);
    });

    public int Enum64(string name, params (string Name, long Value)[] values) => Add(name, BtfKind.Enum64, values.Length, false, 8, type =>
    {
        foreach (var (valueName, value) in values)
            type.U32(Text(valueName)).U32(value).U32(value >> 32);
    });

    public int Prototype(int returns, params (string Name, int Type)[] parameters) =>
        Add("", BtfKind.FunctionPrototype, parameters.Length, false, (uint)returns, type =>
        {
            foreach (var (name, parameter) in parameters)
                type.U32(Text(name)).U32(parameter);
        });

    public byte[] Build() => new ByteWriter().U16(0xeb9f).U8(1).U8(0).U32(24).U32(0).U32(_types.Length).U32(_types.Length).U32(_strings.Length)
        .Bytes(_types.ToArray()).Bytes(_strings.ToArray()).ToArray();

    /// <summary>Adds a type of any kind, also one that does not exist.</summary>
    public int Add(string name, BtfKind kind, int entries, bool flag, uint sizeOrType, Action<ByteWriter> rest)
    {
        _types.U32(Text(name)).U32((long)((uint)kind << 24 | (uint)entries | (flag ? 1u << 31 : 0))).U32(sizeOrType);
        rest(_types);
        return _next++;
    }

    private int Text(string text)
    {
        if (text.Length == 0)
            return 0;
        int at = firstString + _strings.Length;
        _strings.Text(text);
        return at;
    }
}
