using System.Buffers.Binary;

namespace Lkm.Formats;

/// <summary>The hash of symbol and type names. It is part of kept tables: a change of it is a change of their formats.</summary>
internal static class NameHash
{
    public static uint Of(ReadOnlySpan<byte> name)
    {
        const ulong multiplier = 0x9e37_79b9_7f4a_7c15;
        ulong hash = (ulong)name.Length;
        while (name.Length >= 8)
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(name)) * multiplier;
            hash ^= hash >> 32;
            name = name[8..];
        }

        ulong tail = 0;
        foreach (byte character in name)
            tail = tail << 8 | character;
        hash = (hash ^ tail) * multiplier;
        return (uint)(hash >> 32);
    }
}
