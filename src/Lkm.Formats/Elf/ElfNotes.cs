namespace Lkm.Formats.Elf;

/// <summary>Notes: records of name, type and description in note sections.</summary>
internal static class ElfNotes
{
    /// <summary>NT_GNU_BUILD_ID of the notes named "GNU".</summary>
    private const uint GnuBuildId = 3;

    /// <summary>
    /// The description of the first note with this name and type; empty when there is none or the notes are damaged.
    /// </summary>
    internal static ReadOnlyMemory<byte> Find(ElfLayout layout, ReadOnlyMemory<byte> notes, ReadOnlySpan<byte> name, uint type)
    {
        while (notes.Length >= 12)
        {
            ReadOnlySpan<byte> header = notes.Span;
            uint nameSize = layout.U32(header, 0);
            uint descriptionSize = layout.U32(header, 4);
            long descriptionAt = 12 + Align4(nameSize);
            if (descriptionAt + descriptionSize > notes.Length)
                break;
            if (layout.U32(header, 8) == type && CString.Span(header.Slice(12, (int)nameSize)).SequenceEqual(name))
                return notes.Slice((int)descriptionAt, (int)descriptionSize);
            notes = notes[(int)Math.Min(descriptionAt + Align4(descriptionSize), notes.Length)..];
        }

        return default;
    }

    internal static ReadOnlyMemory<byte> BuildId(ElfLayout layout, ReadOnlyMemory<byte> notes) => Find(layout, notes, "GNU"u8, GnuBuildId);

    private static long Align4(uint size) => (size + 3L) & ~3L;
}
