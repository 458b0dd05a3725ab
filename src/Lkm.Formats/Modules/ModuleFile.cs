using Lkm.Formats.Compression;
using Lkm.Formats.Elf;
using Lkm.Formats.Signatures;

namespace Lkm.Formats.Modules;

/// <summary>
/// A module file, unpacked if it was compressed, with all that it says about itself. Parts are read when asked for.
/// </summary>
public sealed class ModuleFile
{
    /// <summary>Offset and size of struct module's name: behind an enum and a list_head, since Linux 2.6.</summary>
    private const int NameOffset64 = 24, NameOffset32 = 12, NameSize64 = 56, NameSize32 = 60;

    private ModuleInfo? _info;

    /// <summary>A module file that is taken apart already.</summary>
    /// <param name="bytes">The unpacked file, its signature included.</param>
    /// <param name="compression">How the file was compressed.</param>
    /// <param name="elf">The object file.</param>
    public ModuleFile(ReadOnlyMemory<byte> bytes, CompressionFormat compression, ElfFile elf)
    {
        Bytes = bytes;
        Compression = compression;
        Elf = elf;
    }

    /// <summary>The unpacked file, its signature included.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>How the file was compressed.</summary>
    public CompressionFormat Compression { get; }

    /// <summary>The object file.</summary>
    public ElfFile Elf { get; }

    /// <summary>The strings of .modinfo; none when the section is missing.</summary>
    public ModuleInfo Info => _info ??= ModuleInfo.Parse(Elf.FindSection(".modinfo"u8)?.Data ?? default);

    /// <summary>
    /// The module's name: of .modinfo (Linux 4.13 and later), otherwise of struct module in .gnu.linkonce.this_module; null when
    /// neither has it.
    /// </summary>
    public string? Name
    {
        get
        {
            if (Info["name"u8] is { } name)
                return name;
            ReadOnlyMemory<byte> module = Elf.FindSection(".gnu.linkonce.this_module"u8)?.Data ?? default;
            (int at, int size) = Elf.Layout.Is64 ? (NameOffset64, NameSize64) : (NameOffset32, NameSize32);
            return module.Length >= at + size ? CString.Read(module.Span.Slice(at, size)) : null;
        }
    }

    /// <summary>Reads a module file, as modinfo and depmod do: any machine.</summary>
    /// <param name="path">The file; also the name in error messages.</param>
    /// <param name="kind">What the object file must be.</param>
    public static Result<ModuleFile> Read(string path, ElfKind kind = ElfKind.Any) =>
        FileContents.Read(path).TryGet(out byte[]? bytes, out FormatError? error) ? Parse(bytes, path, kind) : error;

    /// <summary>Opens a module file in memory, compressed or not.</summary>
    /// <param name="bytes">The file's contents.</param>
    /// <param name="file">Its name for error messages.</param>
    /// <param name="kind">What the object file must be.</param>
    /// <param name="limit">Greatest unpacked size in bytes.</param>
    public static Result<ModuleFile> Parse(
        ReadOnlyMemory<byte> bytes, string? file = null, ElfKind kind = ElfKind.Any, int limit = Decompressor.DefaultLimit)
    {
        if (!Decompressor.DecompressIfNeeded(bytes, file, limit).TryGet(out ReadOnlyMemory<byte> unpacked, out FormatError? error))
            return error;
        if (!ElfFile.Parse(unpacked, file, kind).TryGet(out ElfFile? elf, out error))
            return error;
        return new ModuleFile(unpacked, CompressionDetection.Detect(bytes.Span), elf);
    }

    /// <summary>The signature behind the object file; null as value when it is not signed.</summary>
    public Result<ModuleSignature?> Signature() => ModuleSignature.Read(Bytes, Elf.Name);

    /// <summary>CRCs of the symbols it imports.</summary>
    public Result<SymbolVersion[]> Versions() => SymbolVersion.Read(Elf);

    /// <summary>Symbols it exports.</summary>
    public Result<ExportedSymbol[]> Exports() => ModuleExports.Read(Elf);

    /// <summary>Symbols it imports.</summary>
    public Result<ImportedSymbol[]> Imports() => ImportedSymbol.Read(Elf);
}
