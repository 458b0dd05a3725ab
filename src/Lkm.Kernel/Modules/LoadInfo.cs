using System.Diagnostics.CodeAnalysis;
using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Formats.Modules;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>
/// struct load_info (kernel/module/internal.h): the file being loaded. The file lies in guest memory, as on Linux, because borrowed
/// code (signature check, sysfs, arch fix-ups) reads it there; what is decided here is decided on a copy that only C# sees, so that
/// nothing can change between check and use.
/// </summary>
internal sealed class LoadInfo
{
    private const string MissingName = "(missing .modinfo section or name field)";

    private readonly ModuleContext _kernel;
    private readonly StructLayout _layout;
    private SymbolVersion[]? _versions;

    /// <summary>Opens a load_info whose hdr and len are set.</summary>
    public LoadInfo(ModuleContext kernel, ulong address)
    {
        _kernel = kernel;
        _layout = kernel.Image.Struct("load_info");
        Address = address;
    }

    /// <summary>The address of the load_info.</summary>
    public ulong Address { get; }

    /// <summary>hdr: the address of the file.</summary>
    public ulong Header => Read("hdr");

    /// <summary>len: the bytes of the file; without its signature once that was checked.</summary>
    public ulong Length
    {
        get => Read("len");
        set => Write("len", value);
    }

    /// <summary>The file.</summary>
    public ElfFile Elf { get; private set; } = null!;

    /// <summary>Its symbols.</summary>
    public ElfSymbolTable Symbols { get; private set; } = null!;

    /// <summary>.modinfo.</summary>
    public ModuleInfo Modinfo { get; private set; } = null!;

    /// <summary>The section headers, with what loading changes in them.</summary>
    public LoadSection[] Sections { get; private set; } = [];

    /// <summary>The module's name.</summary>
    public string Name { get; private set; } = "";

    /// <summary>The section of struct module.</summary>
    public LoadSection ThisModule { get; private set; } = null!;

    /// <summary>The symbol table.</summary>
    public LoadSection SymbolSection { get; private set; } = null!;

    /// <summary>The symbol table's strings.</summary>
    public LoadSection StringSection { get; private set; } = null!;

    /// <summary>__versions; null where there is none, or where it shall be ignored.</summary>
    public LoadSection? VersionSection { get; private set; }

    /// <summary>.data..percpu; null where there is none.</summary>
    public LoadSection? PerCpu { get; private set; }

    /// <summary>The address of _ddebug_info; 0 where load_info has none (before 5.19, and since it moved to struct module).</summary>
    public ulong DynamicDebug => _layout.Find("dyndbg") is { } offset ? Address + offset : 0;

    private GuestMemory Memory => _kernel.Memory;

    /// <summary>elf_validity_check(): the lines that Linux logs come with the error.</summary>
    /// <returns>The error, or null.</returns>
    public FormatError? OpenElf()
    {
        var bytes = Memory.Span(Header, (int)Length).ToArray();
        if (!ElfFile.Parse(bytes, null, ElfKind.Module).TryGet(out var elf, out var error))
            return error;
        Elf = elf;
        return null;
    }

    /// <summary>setup_load_info() and rewrite_section_headers().</summary>
    /// <returns>Whether the file has all that a module must have; otherwise a line for the log and an error.</returns>
    public bool Open(ModuleLoadFlags flags, [NotNullWhen(false)] out FormatError? error)
    {
        var headers = Header + BitConverter.ToUInt64(Elf.Bytes.Span[40..48]);
        Sections = new LoadSection[Elf.Sections.Count];
        for (var i = 0; i < Sections.Length; i++)
            Sections[i] = new LoadSection(Memory, headers + ((ulong)i * 64), Elf.Sections[i], Header);

        var info = Find(".modinfo"u8);
        Modinfo = ModuleInfo.Parse(info?.Elf.Data ?? default);
        Name = Modinfo["name"u8] ?? "";
        if (!Elf.Symbols().TryGet(out var symbols, out error))
            return false;
        if (symbols is null)
            return Fail("has no symbol table: it was stripped", $"{NameOrMissing}: module has no symbols (stripped?)", out error);
        Symbols = symbols;
        SymbolSection = Array.Find(Sections, section => section.Elf.Type == SectionType.SymbolTable)!;
        StringSection = Sections[(int)SymbolSection.Elf.Link];
        if (Find(".gnu.linkonce.this_module"u8) is not { } thisModule || !thisModule.HasData)
        {
            return Fail(
                "is an object file, but no module: it has no .gnu.linkonce.this_module section",
                $"{NameOrMissing}: No module found in object", out error);
        }

        ThisModule = thisModule;
        if (thisModule.Elf.Size != _kernel.Layout.Size)
        {
            return Fail(
                $"was built for a kernel with another struct module: {thisModule.Elf.Size} bytes, {_kernel.Layout.Size} in this kernel",
                $"module {NameOrMissing}: .gnu.linkonce.this_module section size must match the kernel's built struct module size at run time",
                out error);
        }

        if (Name.Length == 0)
            Name = CString(thisModule.Elf.Data.Span[(int)_kernel.Layout["name"]..][..KernelModule.NameLength]);
        VersionSection = (flags & ModuleLoadFlags.IgnoreModversions) == 0 ? Find("__versions"u8) : null;
        PerCpu = Find(".data..percpu"u8);
        VersionSection?.Discard();
        info?.Discard();
        WriteIndexes(headers, info);
        error = null;
        return true;
    }

    /// <summary>find_sec(): a section that occupies memory.</summary>
    public LoadSection? Find(ReadOnlySpan<byte> name)
    {
        foreach (var section in Sections)
        {
            if ((section.Flags & SectionFlags.Alloc) != 0 && section.Elf.NameUtf8.SequenceEqual(name))
                return section;
        }

        return null;
    }

    /// <summary>find_any_sec(): a section of a name.</summary>
    public LoadSection? FindAny(ReadOnlySpan<byte> name)
    {
        foreach (var section in Sections.AsSpan()[Math.Min(1, Sections.Length)..])
        {
            if (section.Elf.NameUtf8.SequenceEqual(name))
                return section;
        }

        return null;
    }

    /// <summary>The CRC that the module was built with for a symbol; null where __versions does not name it.</summary>
    public ulong? VersionOf(string symbol)
    {
        _versions ??= SymbolVersion.Read(Elf).ValueOr([]);
        foreach (var version in _versions)
        {
            if (version.Name == symbol)
                return version.Crc;
        }

        return null;
    }

    /// <summary>sig_ok: whether the signature was verified.</summary>
    public bool IsSigned => Memory.ReadByte(Address + _layout["sig_ok"]) != 0;

    /// <summary>Sets <see cref="IsSigned"/>.</summary>
    public void SetSigned() => Memory.WriteByte(Address + _layout["sig_ok"], 1);

    /// <summary>mod: where struct module lies: in the file, later in its final place.</summary>
    public void SetModule(ulong address) => Write("mod", address);

    private string NameOrMissing => Name.Length == 0 ? MissingName : Name;

    private static string CString(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        return System.Text.Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private static bool Fail(string reason, string kernelMessage, out FormatError error)
    {
        error = new FormatError(null, -1, reason) { KernelMessage = kernelMessage };
        return false;
    }

    private void WriteIndexes(ulong headers, LoadSection? info)
    {
        var names = BitConverter.ToUInt16(Elf.Bytes.Span[62..64]);
        Write("sechdrs", headers);
        Write("secstrings", Header + Elf.Sections[names].Offset);
        Write("strtab", Header + StringSection.Elf.Offset);
        Write("mod", ThisModule.Address);
        Write("name", ThisModule.Address + _kernel.Layout["name"]);
        Index("sym", SymbolSection);
        Index("str", StringSection);
        Index("mod", ThisModule);
        Index("vers", VersionSection);
        Index("info", info);
        Index("pcpu", PerCpu);
    }

    private void Index(string member, LoadSection? section)
    {
        if (_layout.Find("index." + member) is { } offset)
            Memory.WriteUInt32(Address + offset, (uint)(section?.Elf.Index ?? 0));
    }

    private ulong Read(string member) => Memory.ReadUInt64(Address + _layout[member]);

    private void Write(string member, ulong value)
    {
        if (_layout.Find(member) is { } offset)
            Memory.WriteUInt64(Address + offset, value);
    }
}

/// <summary>A section header of the file being loaded; changes are written through to guest memory.</summary>
internal sealed class LoadSection
{
    private readonly GuestMemory _memory;
    private readonly ulong _header;

    public LoadSection(GuestMemory memory, ulong header, ElfSection elf, ulong file)
    {
        _memory = memory;
        _header = header;
        Elf = elf;
        Flags = elf.Flags;
        if (elf.Index != 0)
            Address = file + elf.Offset;
    }

    /// <summary>The section as it is in the file.</summary>
    public ElfSection Elf { get; }

    /// <summary>The section's name.</summary>
    public string Name => Elf.Name;

    /// <summary>sh_flags, as loading goes on with them.</summary>
    public SectionFlags Flags
    {
        get;
        set
        {
            field = value;
            _memory.WriteUInt64(_header + 8, (ulong)value);
        }
    }

    /// <summary>sh_addr: where the section is now.</summary>
    public ulong Address
    {
        get;
        set
        {
            field = value;
            _memory.WriteUInt64(_header + 16, value);
        }
    }

    /// <summary>The part of the module that the section lies in; null until it is laid out.</summary>
    public ModulePart? Part { get; set; }

    /// <summary>The offset in the part's allocation, in bytes.</summary>
    public ulong Offset { get; set; }

    /// <summary>Whether the section outlives initialisation.</summary>
    public bool IsCore => Part < ModulePart.InitText;

    /// <summary>Whether the file holds bytes for the section.</summary>
    public bool HasData => Elf.Type is not (SectionType.NoBits or SectionType.Null);

    /// <summary>Whether the section occupies memory (not sect_empty()).</summary>
    public bool IsLoaded => (Flags & SectionFlags.Alloc) != 0 && Elf.Size != 0;

    /// <summary>The section is used while loading, but not kept.</summary>
    public void Discard() => Flags &= ~SectionFlags.Alloc;
}
