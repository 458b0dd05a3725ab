using Lkm.Formats.Elf;
using Lkm.Formats.Images;

namespace Lkm.Formats.Kallsyms;

/// <summary>
/// Decodes the symbol table that the kernel carries for itself (scripts/kallsyms.c writes it, kernel/kallsyms.c reads it).
/// </summary>
public static class KallsymsReader
{
    /// <summary>
    /// Decodes the kallsyms of an image. The tables have no header: they are found by their contents, whatever the version.
    /// </summary>
    public static Result<SymbolTable> Read(KernelImage image)
    {
        if (image.Elf.FindSection(".rodata"u8) is not { } rodata)
            return new FormatError(image.Elf.Name, 0, "no kallsyms: the kernel has no section .rodata");
        return Read(rodata.Data.Span, rodata.Address, image.Elf.Name, (long)rodata.Offset);
    }

    /// <summary>Decodes the kallsyms within some bytes, such as a .rodata section.</summary>
    /// <param name="bytes">Where to search; they start at an address divisible by 8.</param>
    /// <param name="bytesAddress">That address.</param>
    /// <param name="file">Name for error messages.</param>
    /// <param name="bytesAt">Offset of <paramref name="bytes"/> in the file, for error messages.</param>
    public static Result<SymbolTable> Read(ReadOnlySpan<byte> bytes, ulong bytesAddress, string? file = null, long bytesAt = 0)
    {
        KallsymsTokens? tokens = KallsymsTokens.Find(bytes);
        if (tokens is null)
            return new FormatError(file, bytesAt, "no kallsyms: there is no token table (is the kernel built with CONFIG_KALLSYMS?)");
        for (; tokens is not null; tokens = KallsymsTokens.Find(bytes, tokens.IndexEnd))
        {
            var locator = new KallsymsLocator(bytes, tokens);
            if (!locator.TryFind(out KallsymsLocator.Names names))
                continue;
            ulong[]? addresses = KallsymsAddresses.Decode(bytes, names.CountAt, tokens.IndexEnd, names.Count, bytesAddress);
            if (addresses is null)
                return new FormatError(file, bytesAt + names.CountAt, $"kallsyms has {names.Count} names and no addresses that ascend");
            return Decode(bytes, tokens, names, addresses);
        }

        return new FormatError(file, bytesAt, "no kallsyms: there is a token table, but no names that use it");
    }

    private static SymbolTable Decode(ReadOnlySpan<byte> bytes, KallsymsTokens tokens, KallsymsLocator.Names names, ulong[] addresses)
    {
        var builder = new SymbolTableBuilder(names.Count);
        Span<byte> text = stackalloc byte[SymbolTable.MaxNameLength + 1];
        int at = names.NamesAt;
        foreach (ulong address in addresses)
        {
            KallsymsLocator.TryReadLength(bytes, ref at, names.HasBigSymbols, out int length);
            int textLength = tokens.Expand(bytes.Slice(at, length), text);
            builder.Add(address, text[0], text[1..textLength]);
            at += length;
        }

        return builder.Build();
    }
}
