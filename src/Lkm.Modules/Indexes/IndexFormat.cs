namespace Lkm.Modules;

/// <summary>
/// The layout of <c>modules.*.bin</c>, big-endian (kmod, <c>libkmod-index</c>): magic, version, offset word of the root node. An offset word's low
/// 28 bits are a position in the file, its high bits say which parts the node there has.
/// </summary>
/// <remarks>
/// Node: [prefix, NUL] [first child's character, last child's character, an offset word for each character between; 0 is no child]
/// [number of values, then for each a priority and text, NUL]. The tree is a Patricia trie over 7-bit characters.
/// </remarks>
internal static class IndexFormat
{
    public const uint Magic = 0xB007F457;
    public const ushort MajorVersion = 2;
    public const uint Version = 0x00020001;
    public const int HeaderSize = 12;
    public const uint HasPrefix = 0x8000_0000;
    public const uint HasValues = 0x4000_0000;
    public const uint HasChildren = 0x2000_0000;
    public const uint PositionMask = 0x0FFF_FFFF;
}
