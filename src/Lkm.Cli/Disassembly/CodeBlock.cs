namespace Lkm.Cli.Disassembly;

/// <summary>A symbol that code refers to.</summary>
/// <param name="Name">The symbol.</param>
/// <param name="Offset">What is added to its address.</param>
internal readonly record struct CodeReference(string Name, long Offset)
{
    /// <summary>As in assembly: <c>name+0x10</c>.</summary>
    public override string ToString() => Offset switch
    {
        0 => Name,
        > 0 => $"{Name}+0x{Offset:x}",
        _ => $"{Name}-0x{-Offset:x}",
    };
}

/// <summary>A relocation of code: its place, its type's name, and the symbol with the addend.</summary>
internal readonly record struct CodeRelocation(string Type, CodeReference Target, bool IsRelative);

/// <summary>Code to disassemble: a function, or what a section has without one.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Section">The section's name; empty for a linked kernel.</param>
/// <param name="Address">Its address, or its offset in the section.</param>
/// <param name="Bytes">The code.</param>
internal sealed record CodeBlock(string Name, string Section, ulong Address, ReadOnlyMemory<byte> Bytes);
