namespace Lkm.Formats.Elf;

/// <summary>Object file types (e_type).</summary>
public enum ElfType : ushort
{
    /// <summary>No file type</summary>
    None = 0,

    /// <summary>Relocatable: what a module is</summary>
    Relocatable = 1,

    /// <summary>Executable at a fixed address: what vmlinux is</summary>
    Executable = 2,

    /// <summary>Shared object, or a position-independent executable</summary>
    Dynamic = 3,

    /// <summary>Core dump</summary>
    Core = 4,
}

/// <summary>Section types (sh_type).</summary>
public enum SectionType : uint
{
    /// <summary>Inactive header</summary>
    Null = 0,

    /// <summary>Contents that the program defines</summary>
    ProgramBits = 1,

    /// <summary>Symbol table</summary>
    SymbolTable = 2,

    /// <summary>String table</summary>
    StringTable = 3,

    /// <summary>Relocations with addends</summary>
    Rela = 4,

    /// <summary>Symbol hash table</summary>
    Hash = 5,

    /// <summary>Dynamic linking information</summary>
    Dynamic = 6,

    /// <summary>Notes</summary>
    Note = 7,

    /// <summary>Occupies no space in the file</summary>
    NoBits = 8,

    /// <summary>Relocations without addends</summary>
    Rel = 9,

    /// <summary>Dynamic linker's symbol table</summary>
    DynamicSymbols = 11,

    /// <summary>Section group</summary>
    Group = 17,

    /// <summary>Extended section indices of symbols</summary>
    SymbolTableIndex = 18,
}

/// <summary>Section flags (sh_flags).</summary>
[Flags]
public enum SectionFlags : ulong
{
    /// <summary>No flag</summary>
    None = 0,

    /// <summary>Writable (W)</summary>
    Write = 1,

    /// <summary>Occupies memory (A)</summary>
    Alloc = 2,

    /// <summary>Executable (X)</summary>
    Execute = 4,

    /// <summary>May be merged (M)</summary>
    Merge = 0x10,

    /// <summary>NUL-terminated strings (S)</summary>
    Strings = 0x20,

    /// <summary>sh_info is a section index (I)</summary>
    InfoLink = 0x40,

    /// <summary>Compressed by the linker (C)</summary>
    Compressed = 0x800,

    /// <summary>SHF_RELA_LIVEPATCH: the kernel's own flag for relocations that livepatch resolves</summary>
    RelaLivepatch = 0x00100000,

    /// <summary>SHF_RO_AFTER_INIT: the kernel's own flag for data that is read-only after init</summary>
    ReadOnlyAfterInit = 0x00200000,
}

/// <summary>Section indices with a meaning of their own (st_shndx).</summary>
public static class SectionIndex
{
    /// <summary>SHN_UNDEF: the symbol is imported</summary>
    public const int Undefined = 0;

    /// <summary>SHN_LORESERVE: from here on an index names no section</summary>
    public const int LowReserve = 0xff00;

    /// <summary>SHN_LIVEPATCH: the kernel's own mark for symbols that livepatch resolves</summary>
    public const int Livepatch = 0xff20;

    /// <summary>SHN_ABS: the value is absolute</summary>
    public const int Absolute = 0xfff1;

    /// <summary>SHN_COMMON: an unallocated common block, which the kernel refuses</summary>
    public const int Common = 0xfff2;
}

/// <summary>Symbol bindings (high four bits of st_info).</summary>
public enum SymbolBinding : byte
{
    /// <summary>Seen in its own file only</summary>
    Local = 0,

    /// <summary>Seen by all files</summary>
    Global = 1,

    /// <summary>Global, and may stay unresolved</summary>
    Weak = 2,
}

/// <summary>Symbol types (low four bits of st_info).</summary>
public enum SymbolType : byte
{
    /// <summary>Not specified</summary>
    None = 0,

    /// <summary>Data</summary>
    Object = 1,

    /// <summary>Code</summary>
    Function = 2,

    /// <summary>A section</summary>
    Section = 3,

    /// <summary>A source file's name</summary>
    File = 4,

    /// <summary>Common block</summary>
    Common = 5,

    /// <summary>Thread-local data</summary>
    ThreadLocal = 6,
}

/// <summary>Program header types (p_type).</summary>
public enum SegmentType : uint
{
    /// <summary>Unused entry</summary>
    Null = 0,

    /// <summary>Loadable</summary>
    Load = 1,

    /// <summary>Dynamic linking information</summary>
    Dynamic = 2,

    /// <summary>Path of the interpreter</summary>
    Interpreter = 3,

    /// <summary>Notes</summary>
    Note = 4,

    /// <summary>Thread-local template</summary>
    ThreadLocal = 7,
}
