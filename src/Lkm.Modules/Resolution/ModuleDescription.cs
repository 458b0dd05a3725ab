using Lkm.Formats;
using Lkm.Formats.Compression;
using Lkm.Formats.Elf;
using Lkm.Formats.Modules;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>What a module's file says about itself, for modinfo.</summary>
public static class ModuleDescription
{
    /// <summary>Opens a module's file; of a plain one only .modinfo, notes and signature are read, so nothing else may be asked of it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="error">Why it can't be read.</param>
    public static ModuleFile? Read(string path, out FormatError? error)
    {
        var errno = SmallFile.Open(path, out var file);
        if (errno != Errno.OK)
        {
            error = new(path, -1, $"cannot be read: {errno.Message()}", errno);
            return null;
        }
        using (file)
        {
            var size = file.Size;
            if (size is > KmodErrno.ShortestFile and <= FileContents.Limit)
            {
                var bytes = GC.AllocateUninitializedArray<byte>((int)size);
                var parts = new ElfParts(file, bytes, bytes.Length);
                if (parts.ReadHeaders() && parts.ReadForModinfo())
                {
                    ElfFile.Parse(bytes, path).TryGet(out var elf, out error);
                    return elf is null ? null : new ModuleFile(bytes, CompressionFormat.None, elf);
                }
            }
        }
        ReadWhole(path).TryGet(out var module, out error);
        return module;
    }

    private static Result<ModuleFile> ReadWhole(string path)
    {
        var bytes = SmallFile.TryRead(path, out var errno);
        return bytes is null ? new FormatError(path, -1, $"cannot be read: {errno.Message()}", errno) : ModuleFile.Parse(bytes, path);
    }
}
