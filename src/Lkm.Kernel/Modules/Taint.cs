namespace Lkm.Kernel.Modules;

/// <summary>The TAINT_* bits that modules cause (include/linux/panic.h); <c>/sys/module/*/taint</c> shows a letter for each.</summary>
public enum Taint
{
    /// <summary>P: a module without a GPL-compatible licence.</summary>
    ProprietaryModule = 0,

    /// <summary>F: a module loaded by force.</summary>
    ForcedModule = 1,

    /// <summary>R: a module unloaded by force.</summary>
    ForcedRmmod = 3,

    /// <summary>U: a dangerous parameter was set.</summary>
    User = 6,

    /// <summary>C: a module of the staging directory.</summary>
    Crap = 10,

    /// <summary>O: a module from outside the kernel tree.</summary>
    OutOfTreeModule = 12,

    /// <summary>E: a module without a valid signature.</summary>
    UnsignedModule = 13,

    /// <summary>K: a live patch.</summary>
    LivePatch = 15,

    /// <summary>N: a test module.</summary>
    Test = 18,
}
