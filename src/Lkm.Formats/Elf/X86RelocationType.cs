namespace Lkm.Formats.Elf;

/// <summary>
/// x86-64 relocation types (psABI, table "Relocation Types"), with the value that each stores: S symbol, A addend, P place,
/// B base, G offset into the global offset table, L procedure linkage table entry, Z size.
/// </summary>
public enum X86RelocationType : uint
{
    /// <summary>no relocation</summary>
    R_X86_64_NONE = 0,

    /// <summary>S + A</summary>
    R_X86_64_64 = 1,

    /// <summary>S + A - P</summary>
    R_X86_64_PC32 = 2,

    /// <summary>G + A</summary>
    R_X86_64_GOT32 = 3,

    /// <summary>L + A - P</summary>
    R_X86_64_PLT32 = 4,

    /// <summary>copy at run time</summary>
    R_X86_64_COPY = 5,

    /// <summary>S</summary>
    R_X86_64_GLOB_DAT = 6,

    /// <summary>S</summary>
    R_X86_64_JUMP_SLOT = 7,

    /// <summary>B + A</summary>
    R_X86_64_RELATIVE = 8,

    /// <summary>G + GOT + A - P</summary>
    R_X86_64_GOTPCREL = 9,

    /// <summary>S + A, zero-extended</summary>
    R_X86_64_32 = 10,

    /// <summary>S + A, sign-extended</summary>
    R_X86_64_32S = 11,

    /// <summary>S + A</summary>
    R_X86_64_16 = 12,

    /// <summary>S + A - P</summary>
    R_X86_64_PC16 = 13,

    /// <summary>S + A</summary>
    R_X86_64_8 = 14,

    /// <summary>S + A - P</summary>
    R_X86_64_PC8 = 15,

    /// <summary>thread-local</summary>
    R_X86_64_DTPMOD64 = 16,

    /// <summary>thread-local</summary>
    R_X86_64_DTPOFF64 = 17,

    /// <summary>thread-local</summary>
    R_X86_64_TPOFF64 = 18,

    /// <summary>thread-local</summary>
    R_X86_64_TLSGD = 19,

    /// <summary>thread-local</summary>
    R_X86_64_TLSLD = 20,

    /// <summary>thread-local</summary>
    R_X86_64_DTPOFF32 = 21,

    /// <summary>thread-local</summary>
    R_X86_64_GOTTPOFF = 22,

    /// <summary>thread-local</summary>
    R_X86_64_TPOFF32 = 23,

    /// <summary>S + A - P</summary>
    R_X86_64_PC64 = 24,

    /// <summary>S + A - GOT</summary>
    R_X86_64_GOTOFF64 = 25,

    /// <summary>GOT + A - P</summary>
    R_X86_64_GOTPC32 = 26,

    /// <summary>Z + A</summary>
    R_X86_64_SIZE32 = 32,

    /// <summary>Z + A</summary>
    R_X86_64_SIZE64 = 33,

    /// <summary>indirect (B + A)</summary>
    R_X86_64_IRELATIVE = 37,

    /// <summary>G + GOT + A - P, relaxable</summary>
    R_X86_64_GOTPCRELX = 41,

    /// <summary>G + GOT + A - P, relaxable</summary>
    R_X86_64_REX_GOTPCRELX = 42,
}

/// <summary>Names and sizes of <see cref="X86RelocationType"/> values.</summary>
public static class X86RelocationText
{
    /// <summary>The psABI's name, such as <c>R_X86_64_PC32</c>, or the number when there is none.</summary>
    public static string Name(this X86RelocationType type) => type switch
    {
        X86RelocationType.R_X86_64_NONE => nameof(X86RelocationType.R_X86_64_NONE),
        X86RelocationType.R_X86_64_64 => nameof(X86RelocationType.R_X86_64_64),
        X86RelocationType.R_X86_64_PC32 => nameof(X86RelocationType.R_X86_64_PC32),
        X86RelocationType.R_X86_64_GOT32 => nameof(X86RelocationType.R_X86_64_GOT32),
        X86RelocationType.R_X86_64_PLT32 => nameof(X86RelocationType.R_X86_64_PLT32),
        X86RelocationType.R_X86_64_COPY => nameof(X86RelocationType.R_X86_64_COPY),
        X86RelocationType.R_X86_64_GLOB_DAT => nameof(X86RelocationType.R_X86_64_GLOB_DAT),
        X86RelocationType.R_X86_64_JUMP_SLOT => nameof(X86RelocationType.R_X86_64_JUMP_SLOT),
        X86RelocationType.R_X86_64_RELATIVE => nameof(X86RelocationType.R_X86_64_RELATIVE),
        X86RelocationType.R_X86_64_GOTPCREL => nameof(X86RelocationType.R_X86_64_GOTPCREL),
        X86RelocationType.R_X86_64_32 => nameof(X86RelocationType.R_X86_64_32),
        X86RelocationType.R_X86_64_32S => nameof(X86RelocationType.R_X86_64_32S),
        X86RelocationType.R_X86_64_16 => nameof(X86RelocationType.R_X86_64_16),
        X86RelocationType.R_X86_64_PC16 => nameof(X86RelocationType.R_X86_64_PC16),
        X86RelocationType.R_X86_64_8 => nameof(X86RelocationType.R_X86_64_8),
        X86RelocationType.R_X86_64_PC8 => nameof(X86RelocationType.R_X86_64_PC8),
        X86RelocationType.R_X86_64_DTPMOD64 => nameof(X86RelocationType.R_X86_64_DTPMOD64),
        X86RelocationType.R_X86_64_DTPOFF64 => nameof(X86RelocationType.R_X86_64_DTPOFF64),
        X86RelocationType.R_X86_64_TPOFF64 => nameof(X86RelocationType.R_X86_64_TPOFF64),
        X86RelocationType.R_X86_64_TLSGD => nameof(X86RelocationType.R_X86_64_TLSGD),
        X86RelocationType.R_X86_64_TLSLD => nameof(X86RelocationType.R_X86_64_TLSLD),
        X86RelocationType.R_X86_64_DTPOFF32 => nameof(X86RelocationType.R_X86_64_DTPOFF32),
        X86RelocationType.R_X86_64_GOTTPOFF => nameof(X86RelocationType.R_X86_64_GOTTPOFF),
        X86RelocationType.R_X86_64_TPOFF32 => nameof(X86RelocationType.R_X86_64_TPOFF32),
        X86RelocationType.R_X86_64_PC64 => nameof(X86RelocationType.R_X86_64_PC64),
        X86RelocationType.R_X86_64_GOTOFF64 => nameof(X86RelocationType.R_X86_64_GOTOFF64),
        X86RelocationType.R_X86_64_GOTPC32 => nameof(X86RelocationType.R_X86_64_GOTPC32),
        X86RelocationType.R_X86_64_SIZE32 => nameof(X86RelocationType.R_X86_64_SIZE32),
        X86RelocationType.R_X86_64_SIZE64 => nameof(X86RelocationType.R_X86_64_SIZE64),
        X86RelocationType.R_X86_64_IRELATIVE => nameof(X86RelocationType.R_X86_64_IRELATIVE),
        X86RelocationType.R_X86_64_GOTPCRELX => nameof(X86RelocationType.R_X86_64_GOTPCRELX),
        X86RelocationType.R_X86_64_REX_GOTPCRELX => nameof(X86RelocationType.R_X86_64_REX_GOTPCRELX),
        _ => $"unknown relocation type {(uint)type}",
    };

    /// <summary>How many bytes the relocation writes; 0 for none and for unknown types.</summary>
    public static int Width(this X86RelocationType type) => type switch
    {
        X86RelocationType.R_X86_64_8 or X86RelocationType.R_X86_64_PC8 => 1,
        X86RelocationType.R_X86_64_16 or X86RelocationType.R_X86_64_PC16 => 2,
        X86RelocationType.R_X86_64_PC32 or X86RelocationType.R_X86_64_GOT32 or X86RelocationType.R_X86_64_PLT32 or
            X86RelocationType.R_X86_64_GOTPCREL or X86RelocationType.R_X86_64_32 or X86RelocationType.R_X86_64_32S or
            X86RelocationType.R_X86_64_TLSGD or X86RelocationType.R_X86_64_TLSLD or X86RelocationType.R_X86_64_DTPOFF32 or
            X86RelocationType.R_X86_64_GOTTPOFF or X86RelocationType.R_X86_64_TPOFF32 or
            X86RelocationType.R_X86_64_GOTPC32 or X86RelocationType.R_X86_64_SIZE32 or
            X86RelocationType.R_X86_64_GOTPCRELX or X86RelocationType.R_X86_64_REX_GOTPCRELX => 4,
        X86RelocationType.R_X86_64_64 or X86RelocationType.R_X86_64_GLOB_DAT or X86RelocationType.R_X86_64_JUMP_SLOT or
            X86RelocationType.R_X86_64_RELATIVE or X86RelocationType.R_X86_64_DTPMOD64 or
            X86RelocationType.R_X86_64_DTPOFF64 or X86RelocationType.R_X86_64_TPOFF64 or X86RelocationType.R_X86_64_PC64 or
            X86RelocationType.R_X86_64_GOTOFF64 or X86RelocationType.R_X86_64_SIZE64 or
            X86RelocationType.R_X86_64_IRELATIVE => 8,
        _ => 0,
    };
}
