namespace Lkm.Formats.Elf;

/// <summary>How the computation of a relocation ended.</summary>
public enum RelocationOutcome
{
    /// <summary>The value fits; store it.</summary>
    Fits,

    /// <summary>The value does not fit the field; Linux refuses the module with ENOEXEC.</summary>
    Overflow,

    /// <summary>Linux knows no such relocation in modules; it refuses the module with ENOEXEC.</summary>
    Unsupported,
}

/// <summary>The value that a relocation stores.</summary>
/// <param name="Outcome">Whether there is a value to store.</param>
/// <param name="Value">The value, to be cut to <paramref name="Width"/> bytes; also set on overflow, for the message.</param>
/// <param name="Width">Bytes to store: 0 (nothing), 4 or 8.</param>
public readonly record struct RelocationValue(RelocationOutcome Outcome, ulong Value, int Width);

/// <summary>The arithmetic of arch/x86/kernel/module.c, __apply_relocate_add().</summary>
public static class X86Relocation
{
    /// <summary>Computes what to store at a place.</summary>
    /// <param name="type">Type of the relocation.</param>
    /// <param name="symbol">Address of the symbol (S).</param>
    /// <param name="addend">Constant (A).</param>
    /// <param name="place">Address of the field (P).</param>
    public static RelocationValue Compute(X86RelocationType type, ulong symbol, long addend, ulong place)
    {
        ulong absolute = unchecked(symbol + (ulong)addend);
        ulong relative = unchecked(absolute - place);
        return type switch
        {
            X86RelocationType.R_X86_64_NONE => new(RelocationOutcome.Fits, 0, 0),
            X86RelocationType.R_X86_64_64 => new(RelocationOutcome.Fits, absolute, 8),
            X86RelocationType.R_X86_64_32 => Check(absolute, absolute == (uint)absolute),
            X86RelocationType.R_X86_64_32S => Check(absolute, (long)absolute == (int)absolute),
            X86RelocationType.R_X86_64_PC32 or X86RelocationType.R_X86_64_PLT32 => Check(relative, (long)relative == (int)relative),
            X86RelocationType.R_X86_64_PC64 => new(RelocationOutcome.Fits, relative, 8),
            _ => new(RelocationOutcome.Unsupported, 0, 0),
        };
    }

    private static RelocationValue Check(ulong value, bool fits) =>
        new(fits ? RelocationOutcome.Fits : RelocationOutcome.Overflow, value, 4);
}
