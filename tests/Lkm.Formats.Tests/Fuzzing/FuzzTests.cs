using Lkm.Formats.Btf;
using Lkm.Formats.Compression;
using Lkm.Formats.Elf;
using Lkm.Formats.Images;
using Lkm.Formats.Kallsyms;
using Lkm.Formats.Modules;
using Lkm.Formats.Signatures;
using Lkm.Formats.Tests.Builders;
using Lkm.Formats.Tests.Compression;
using Lkm.Formats.Tests.Images;
using Lkm.Formats.Tests.Signatures;

namespace Lkm.Formats.Tests.Fuzzing;

/// <summary>Damaged files give a clear error or a reading; never an exception, and never endless work.</summary>
public class FuzzTests
{
    private const int Limit = 1 << 20;

    [Theory]
    [InlineData(true, false, ElfKind.Module)]
    [InlineData(true, false, ElfKind.Any)]
    [InlineData(true, true, ElfKind.Any)]
    [InlineData(false, false, ElfKind.Any)]
    public void Modules(bool is64, bool isBigEndian, ElfKind kind)
    {
        var elf = new ElfBuilder { Is64 = is64, IsBigEndian = isBigEndian };
        var module = new ModuleBuilder(elf).Info("license=GPL", "name=a").Versions(("kfree", 1)).Import("kfree").Import("weak", isWeak: true);
        byte[] good = (is64 && !isBigEndian ? module.Export("a", 1).Export("b", 2, isGplOnly: true, symbolNamespace: "N") : module).Build();
        good = [.. good, .. ModuleSignatureTests.Signed(ModuleSignatureTests.Pkcs7("1.3.14.3.2.26"))];

        Fuzzer.Run(good, seed: 1, bytes =>
        {
            if (!Checked(ModuleFile.Parse(bytes, "a.ko", kind, Limit), out ModuleFile? file))
                return;
            _ = file.Name;
            _ = file.Info.Entries.Select(entry => entry.Key + entry.Value).Count();
            Checked(file.Versions(), out _);
            Checked(file.Exports(), out _);
            Checked(file.Imports(), out _);
            Checked(file.Signature(), out _);
            Checked(file.Elf.Segments(), out _);
            _ = file.Elf.BuildId();
            foreach (ElfSection section in file.Elf.Sections)
            {
                if (Checked(file.Elf.Relocations(section), out ElfRelocationTable? table))
                    _ = Enumerable.Range(0, table.Count).Select(i => table[i].X86Type.Name()).Count();
            }
        });
    }

    [Fact]
    public void Signatures() => Fuzzer.Run(ModuleSignatureTests.Signed(ModuleSignatureTests.Pkcs7("2.16.840.1.101.3.4.2.1")), seed: 2, bytes =>
    {
        if (Checked(ModuleSignature.Read(bytes, "a.ko"), out ModuleSignature? signature))
            _ = signature?.CheckForKernel();
    });

    [Theory]
    [MemberData(nameof(DecompressorTests.Packed), MemberType = typeof(DecompressorTests))]
    public void CompressedFiles(CompressionFormat format, string base64) => Fuzzer.Run(Convert.FromBase64String(base64), seed: 3, bytes =>
    {
        if (Checked(Decompressor.Decompress(bytes, format, "a.ko", limit: Limit), out ReadOnlyMemory<byte> unpacked))
            Assert.True(unpacked.Length <= Limit);
    });

    [Fact]
    public void BzImages() => Fuzzer.Run(KernelImageTests.BzImage(KernelImageTests.Gzip(KernelImageTests.Vmlinux())), seed: 4, ReadImage);

    [Fact]
    public void Kernels() => Fuzzer.Run(KernelImageTests.Vmlinux(), seed: 5, ReadImage);

    [Theory]
    [InlineData(KallsymsLayout.Linux510)]
    [InlineData(KallsymsLayout.Linux61)]
    [InlineData(KallsymsLayout.Linux612)]
    [InlineData(KallsymsLayout.Linux7)]
    public void Kallsyms(KallsymsLayout layout) => Fuzzer.Run(KallsymsEncoder.Encode(KallsymsEncoder.Sample(400, layout != KallsymsLayout.Linux7), layout), seed: 6, bytes =>
    {
        if (Checked(KallsymsReader.Read(bytes, KallsymsEncoder.RodataAddress, "vmlinux"), out SymbolTable? table))
            ReadSymbols(table);
    });

    [Fact]
    public void KeptSymbolTables()
    {
        byte[] encoded = KallsymsEncoder.Encode(KallsymsEncoder.Sample(300), KallsymsLayout.Linux61);
        Fuzzer.Run(KallsymsReader.Read(encoded, KallsymsEncoder.RodataAddress).Value.Blob.ToArray(), seed: 7, bytes =>
        {
            if (Checked(SymbolTable.Open(bytes, "symbols"), out SymbolTable? table))
                ReadSymbols(table);
        });
    }

    [Fact]
    public void TypeInformation()
    {
        var builder = new BtfBuilder();
        int number = builder.Reference(BtfKind.Typedef, builder.Int("long", 8), "u64");
        int pointer = builder.Reference(BtfKind.Pointer, builder.Count + 1);
        int inner = builder.Composite(BtfKind.Union, "", 8, ("a", number, 0, 0), ("b", pointer, 0, 0));
        builder.Composite(BtfKind.Struct, "s", 64, ("", inner, 0, 0), ("c", builder.Array(number, 4), 64, 0), ("d", number, 320, 3));
        builder.Reference(BtfKind.Function, builder.Prototype(number, ("x", pointer), ("", 0)), "f");
        builder.Enum("e", ("E", 1));
        builder.Enum64("g", ("G", 1));
        Fuzzer.Run(builder.Build(), seed: 8, bytes =>
        {
            if (!Checked(BtfTypes.Parse(bytes, file: "vmlinux"), out BtfTypes? types))
                return;
            if (types.TryStruct("s", out BtfStruct type))
                _ = type.TryOffset("c[2]", out _) | type.TryOffset("b.a", out _) | type.TryOffset("none", out _);
            if (types.TryFunction("f", out BtfFunction function))
                _ = function.ToString() + function.Parameters.Count;
            _ = types.TryEnumerator("E", out _);
            for (int id = 0; id < types.Count; id++)
                _ = types[id].ToString() + types[id].Size + types[id].Members.Count() + types[id].Enumerators.Count();
        });
    }

    private static void ReadImage(byte[] bytes)
    {
        if (!Checked(KernelImage.Parse(bytes, "vmlinuz", Limit), out KernelImage? image))
            return;
        _ = image.Release + image.BuildId.Length;
        Checked(KernelExports.Read(image.Elf), out _);
        if (Checked(KallsymsReader.Read(image), out SymbolTable? table))
            ReadSymbols(table);
    }

    private static void ReadSymbols(SymbolTable table)
    {
        for (int i = 0; i < table.Count; i++)
        {
            _ = table.Type(i);
            for (int next = table.Find(table.Name(i)); next >= 0; next = table.FindNext(next))
                _ = table.Size(next);
            _ = table.TryFindByAddress(table.Address(i), out _, out _);
        }
    }

    /// <summary>Takes a result apart, and sees that an error says where and why.</summary>
    private static bool Checked<T>(Result<T> result, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T value)
    {
        if (result.TryGet(out value, out FormatError? error))
            return true;
        Assert.NotEmpty(error.Reason);
        Assert.NotNull(error.File);
        Assert.NotEqual(Errno.OK, error.Errno);
        return false;
    }
}
