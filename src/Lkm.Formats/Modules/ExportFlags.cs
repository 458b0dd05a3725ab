using Lkm.Formats.Elf;

namespace Lkm.Formats.Modules;

/// <summary>__kflagstab, a byte for each entry of __ksymtab, by which Linux 7 replaces __ksymtab_gpl.</summary>
internal static class ExportFlags
{
    /// <summary>KSYM_FLAG_GPL_ONLY.</summary>
    private const byte GplOnly = 1;

    /// <summary>The flags; empty in files of older kernels.</summary>
    public static ReadOnlyMemory<byte> Read(ElfFile file) => file.FindSection("__kflagstab"u8)?.Data ?? default;

    /// <summary>Whether an entry is GPL-only.</summary>
    public static bool IsGplOnly(ReadOnlyMemory<byte> flags, int index) => index < flags.Length && (flags.Span[index] & GplOnly) != 0;
}
