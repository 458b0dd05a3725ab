using System.Text;
using Lkm.Formats.Elf;

namespace Lkm.Formats.Modules;

/// <summary>The CRC that a module expects of a symbol it imports (CONFIG_MODVERSIONS).</summary>
/// <param name="Name">The symbol.</param>
/// <param name="Crc">The CRC; a long in the file, of which 32 bits are used.</param>
public sealed record SymbolVersion(string Name, ulong Crc)
{
    /// <summary>sizeof(struct modversion_info): a long and the name in what is left.</summary>
    private const int EntrySize = 64;

    /// <summary>
    /// Reads the versions of a module, in file order: of __version_ext_crcs and __version_ext_names where they exist (Linux 6.14
    /// and later, CONFIG_EXTENDED_MODVERSIONS, names of any length), otherwise of __versions. Empty when it has none.
    /// </summary>
    public static Result<SymbolVersion[]> Read(ElfFile file)
    {
        ElfSection? crcs = file.FindSection("__version_ext_crcs"u8);
        ElfSection? names = file.FindSection("__version_ext_names"u8);
        if (crcs is not null && names is not null)
            return ReadExtended(file, crcs, names);
        return file.FindSection("__versions"u8) is { } versions ? ReadBasic(file, versions) : Array.Empty<SymbolVersion>();
    }

    private static Result<SymbolVersion[]> ReadBasic(ElfFile file, ElfSection section)
    {
        ReadOnlySpan<byte> data = section.Data.Span;
        if (data.Length % EntrySize != 0)
            return new FormatError(file.Name, section.HeaderOffset, $"__versions has {data.Length} bytes, no multiple of {EntrySize}", Errno.EINVAL);

        var versions = new SymbolVersion[data.Length / EntrySize];
        for (int i = 0; i < versions.Length; i++)
        {
            ReadOnlySpan<byte> entry = data.Slice(i * EntrySize, EntrySize);
            versions[i] = new SymbolVersion(CString.Read(entry[file.Layout.WordSize..]), file.Layout.Word(entry, 0, 0));
        }

        return versions;
    }

    private static Result<SymbolVersion[]> ReadExtended(ElfFile file, ElfSection crcs, ElfSection names)
    {
        var versions = new SymbolVersion[crcs.Data.Length / 4];
        ReadOnlySpan<byte> text = names.Data.Span;
        for (int i = 0; i < versions.Length; i++)
        {
            int length = text.IndexOf((byte)0);
            if (length < 0)
                return new FormatError(file.Name, names.HeaderOffset, $"__version_ext_names holds {i} names for {versions.Length} CRCs", Errno.ENOEXEC);
            versions[i] = new SymbolVersion(Encoding.UTF8.GetString(text[..length]), file.Layout.U32(crcs.Data.Span, i * 4));
            text = text[(length + 1)..];
        }

        return versions;
    }
}
