using System.Buffers.Binary;
using Lkm.Formats;
using Lkm.Formats.Elf;

namespace Lkm.Modules.Host;

/// <summary>
/// Cuts versions out of a module's image, for kernels whose init_module(2) has no flags: the section of symbol versions is no longer allocated, so the
/// kernel does not see it, and the version magic in .modinfo is blanked.
/// </summary>
internal static class VersionStripper
{
    public static Result<ReadOnlyMemory<byte>> Strip(ReadOnlyMemory<byte> image, string file, InsertFlags flags)
    {
        if ((flags & (InsertFlags.IgnoreModuleVersions | InsertFlags.IgnoreVersionMagic)) == 0)
        {
            return image;
        }
        if (!ElfFile.Parse(image, file).TryGet(out var elf, out var error))
        {
            return error;
        }
        var copy = image.ToArray();
        if ((flags & InsertFlags.IgnoreModuleVersions) != 0 && elf.FindSection("__versions"u8) is { } versions)
        {
            HideSection(copy, elf, versions);
        }
        if ((flags & InsertFlags.IgnoreVersionMagic) != 0 && elf.FindSection(".modinfo"u8) is { } info)
        {
            BlankVersionMagic(copy.AsSpan((int)info.Offset, info.Data.Length));
        }
        return (ReadOnlyMemory<byte>)copy;
    }

    private static void HideSection(byte[] image, ElfFile elf, ElfSection section)
    {
        var flags = (ulong)section.Flags & ~(ulong)SectionFlags.Alloc;
        var at = image.AsSpan((int)section.HeaderOffset + 8);
        switch (elf.Layout)
        {
            case { Is64: true, IsBigEndian: false }:
                BinaryPrimitives.WriteUInt64LittleEndian(at, flags);
                break;
            case { Is64: true, IsBigEndian: true }:
                BinaryPrimitives.WriteUInt64BigEndian(at, flags);
                break;
            case { Is64: false, IsBigEndian: false }:
                BinaryPrimitives.WriteUInt32LittleEndian(at, (uint)flags);
                break;
            default:
                BinaryPrimitives.WriteUInt32BigEndian(at, (uint)flags);
                break;
        }
    }

    private static void BlankVersionMagic(Span<byte> info)
    {
        while (!info.IsEmpty)
        {
            var length = info.IndexOf((byte)0);
            var text = length < 0 ? info : info[..length];
            if (text.StartsWith("vermagic="u8))
            {
                text.Clear();
            }
            info = info[Math.Min(text.Length + 1, info.Length)..];
        }
    }
}
