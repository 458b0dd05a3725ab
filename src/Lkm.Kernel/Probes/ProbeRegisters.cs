using Lkm.Machine;

namespace Lkm.Kernel.Probes;

/// <summary>Registers by name, and those that pass arguments (x86-64 psABI, 3.2.3).</summary>
internal static class ProbeRegisters
{
    /// <summary>Integer arguments that are passed in registers.</summary>
    public const int Arguments = 6;

    private static readonly string[] Names =
        ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

    public static bool Exists(ReadOnlySpan<char> name)
    {
        foreach (var known in Names)
        {
            if (name.SequenceEqual(known))
                return true;
        }

        return false;
    }

    public static ulong Argument(Cpu cpu, int index) => index switch
    {
        0 => cpu.Rdi,
        1 => cpu.Rsi,
        2 => cpu.Rdx,
        3 => cpu.Rcx,
        4 => cpu.R8,
        _ => cpu.R9,
    };

    public static ulong Read(Cpu cpu, string name) => name switch
    {
        "rax" => cpu.Rax,
        "rbx" => cpu.Rbx,
        "rcx" => cpu.Rcx,
        "rdx" => cpu.Rdx,
        "rsi" => cpu.Rsi,
        "rdi" => cpu.Rdi,
        "rbp" => cpu.Rbp,
        "rsp" => cpu.Rsp,
        "r8" => cpu.R8,
        "r9" => cpu.R9,
        "r10" => cpu.R10,
        "r11" => cpu.R11,
        "r12" => cpu.R12,
        "r13" => cpu.R13,
        "r14" => cpu.R14,
        _ => cpu.R15,
    };
}
