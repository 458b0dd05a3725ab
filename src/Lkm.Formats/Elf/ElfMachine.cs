namespace Lkm.Formats.Elf;

/// <summary>Target machines (EM_* of include/uapi/linux/elf-em.h): those that Linux modules exist for.</summary>
public enum ElfMachine : ushort
{
    /// <summary>No machine</summary>
    None = 0,

    /// <summary>AT&amp;T WE 32100</summary>
    M32 = 1,

    /// <summary>SPARC</summary>
    SPARC = 2,

    /// <summary>Intel 80386</summary>
    I386 = 3,

    /// <summary>Motorola 68000</summary>
    M68K = 4,

    /// <summary>MIPS</summary>
    MIPS = 8,

    /// <summary>HP PA-RISC</summary>
    PARISC = 15,

    /// <summary>PowerPC</summary>
    PPC = 20,

    /// <summary>PowerPC64</summary>
    PPC64 = 21,

    /// <summary>IBM S/390</summary>
    S390 = 22,

    /// <summary>ARM</summary>
    ARM = 40,

    /// <summary>SuperH</summary>
    SH = 42,

    /// <summary>SPARC V9</summary>
    SPARCV9 = 43,

    /// <summary>Intel IA-64</summary>
    IA64 = 50,

    /// <summary>x86-64</summary>
    X86_64 = 62,

    /// <summary>Xtensa</summary>
    XTENSA = 94,

    /// <summary>AArch64</summary>
    AARCH64 = 183,

    /// <summary>MicroBlaze</summary>
    MICROBLAZE = 189,

    /// <summary>RISC-V</summary>
    RISCV = 243,

    /// <summary>Linux BPF</summary>
    BPF = 247,

    /// <summary>C-SKY</summary>
    CSKY = 252,

    /// <summary>LoongArch</summary>
    LOONGARCH = 258,

    /// <summary>Alpha</summary>
    ALPHA = 0x9026,
}

/// <summary>What people call a machine.</summary>
public static class ElfMachineText
{
    /// <summary>The usual name of a machine, such as <c>AArch64</c>, or its number when it has none here.</summary>
    public static string DisplayName(this ElfMachine machine) => machine switch
    {
        ElfMachine.None => "no machine",
        ElfMachine.M32 => "AT&T WE 32100",
        ElfMachine.SPARC => "SPARC",
        ElfMachine.I386 => "Intel 80386",
        ElfMachine.M68K => "Motorola 68000",
        ElfMachine.MIPS => "MIPS",
        ElfMachine.PARISC => "HP PA-RISC",
        ElfMachine.PPC => "PowerPC",
        ElfMachine.PPC64 => "PowerPC64",
        ElfMachine.S390 => "IBM S/390",
        ElfMachine.ARM => "ARM",
        ElfMachine.SH => "SuperH",
        ElfMachine.SPARCV9 => "SPARC V9",
        ElfMachine.IA64 => "Intel IA-64",
        ElfMachine.X86_64 => "x86-64",
        ElfMachine.XTENSA => "Xtensa",
        ElfMachine.AARCH64 => "AArch64",
        ElfMachine.MICROBLAZE => "MicroBlaze",
        ElfMachine.RISCV => "RISC-V",
        ElfMachine.BPF => "Linux BPF",
        ElfMachine.CSKY => "C-SKY",
        ElfMachine.LOONGARCH => "LoongArch",
        ElfMachine.ALPHA => "Alpha",
        _ => $"machine {(ushort)machine}",
    };
}
