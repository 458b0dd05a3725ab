using Lkm.Cli.CommandLine;
using Lkm.Cli.Disassembly;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm objdump</c>: the code of a module or a kernel.</summary>
internal static class ObjdumpCommand
{
    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "objdump",
        Operands = "FILE [SYMBOL]",
        Summary = "Disassemble a module or a kernel image, with relocations and symbol names",
        Details = "FILE is a .ko, compressed or not, or a vmlinuz; SYMBOL is a function.",
        Examples = ["lkm objdump hello.ko hello_init", "lkm objdump /boot/vmlinuz do_init_module"],
        LeastOperands = 1,
        MostOperands = 2,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        string path = arguments.Operands[0];
        string? symbol = arguments.Operands is [_, var name] ? name : null;
        Outcome<CodeFile> file = CodeFile.Open(path);
        if (!file.Succeeded)
            return Screen.Fail(file.Error);
        var disassembler = new Disassembler(file.Value, Screen.Output);
        bool any = false;
        foreach (CodeBlock block in file.Value.Blocks(symbol))
        {
            disassembler.Write(block);
            any = true;
        }
        return any ? ExitCode.Done : Screen.Fail($"{path}: has no {(symbol is null ? "code" : $"function {symbol}")}");
    }
}
