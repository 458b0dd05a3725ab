using System.Text;
using Iced.Intel;

namespace Lkm.Cli.Disassembly;

/// <summary>Writes code as assembly in GNU's syntax, as <c>objdump -dr</c> does, with the symbols that relocations lead to in their places.</summary>
/// <param name="file">Whose code it is.</param>
/// <param name="output">Where it is written.</param>
internal sealed class Disassembler(CodeFile file, TextWriter output) : ISymbolResolver
{
    private readonly List<(ulong Address, CodeRelocation Relocation)> _relocations = [];
    private CodeBlock _block = null!;

    /// <summary>Writes a function.</summary>
    public void Write(CodeBlock block)
    {
        _block = block;
        output.WriteLine($"{block.Address:x16} <{block.Name}>:{(block.Section.Length > 0 ? $"  {block.Section}" : "")}");
        var formatter = new GasFormatter(this);
        formatter.Options.FirstOperandCharIndex = 8;
        var decoder = Iced.Intel.Decoder.Create(64, new ByteArrayCodeReader(block.Bytes.ToArray()), block.Address);
        var text = new StringOutput();
        ulong end = block.Address + (ulong)block.Bytes.Length;
        while (decoder.IP < end)
        {
            Instruction instruction = decoder.Decode();
            FindRelocations(instruction);
            formatter.Format(instruction, text);
            output.WriteLine($"{instruction.IP,8:x}:\t{Hex(block.Bytes.Span.Slice((int)(instruction.IP - block.Address), instruction.Length)),-30}\t{text.ToStringAndReset().TrimEnd()}");
            foreach ((ulong address, CodeRelocation relocation) in _relocations)
                output.WriteLine($"\t\t\t{address:x}: {relocation.Type}\t{relocation.Target}");
        }
        output.WriteLine();
    }

    /// <inheritdoc/>
    public bool TryGetSymbol(in Instruction instruction, int operand, int instructionOperand, ulong address, int addressSize, out SymbolResult symbol)
    {
        CodeReference? target = null;
        if (_relocations is [var (place, relocation), ..])
        {
            // A relative field counts from the instruction's end; its place lies before that.
            long toEnd = relocation.IsRelative ? (long)(instruction.NextIP - place) : 0;
            target = relocation.Target with { Offset = relocation.Target.Offset + toEnd };
        }
        else if (instruction.FlowControl is FlowControl.Call or FlowControl.UnconditionalBranch or FlowControl.ConditionalBranch || instruction.IsIPRelativeMemoryOperand)
        {
            target = file.SymbolAt(_block, address);
        }
        symbol = target is { } found ? new SymbolResult(address, found.ToString()) : default;
        return target is not null;
    }

    private void FindRelocations(in Instruction instruction)
    {
        _relocations.Clear();
        for (ulong address = instruction.IP; address < instruction.NextIP; address++)
        {
            if (file.RelocationAt(_block, address) is { } relocation)
                _relocations.Add((address, relocation));
        }
    }

    private static string Hex(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length * 3);
        foreach (byte value in bytes)
            text.Append(value.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)).Append(' ');
        return text.ToString();
    }
}
