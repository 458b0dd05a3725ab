namespace Lkm.Kernel.Modules;

/// <summary>The parts of a module's memory, by what may be done with them; the values are enum mod_mem_type of Linux 6.4 and later.</summary>
public enum ModulePart
{
    /// <summary>Code.</summary>
    Text,

    /// <summary>Data, and the symbol table that /proc/kallsyms shows.</summary>
    Data,

    /// <summary>Constants.</summary>
    RoData,

    /// <summary>Data that is constant once the init function has returned.</summary>
    RoAfterInit,

    /// <summary>Code that is discarded after initialisation.</summary>
    InitText,

    /// <summary>Data that is discarded after initialisation, and the whole symbol table.</summary>
    InitData,

    /// <summary>Constants that are discarded after initialisation.</summary>
    InitRoData,
}
