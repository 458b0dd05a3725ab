using Lkm.Distribution;
using Lkm.Formats.Btf;
using Lkm.Formats.Kallsyms;
using Lkm.Formats.Modules;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Time;
using Lkm.Machine;
using ImageFile = Lkm.Formats.Images.KernelImage;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>Exported symbols, looked up in the image as it lies in memory.</summary>
public sealed class KernelSymbolsTests
{
    [Fact]
    public void Every_export_of_the_image_is_found_with_its_crc_licence_and_namespace()
    {
        var path = new KernelLocator(LkmCache.FromEnvironment()).Locate(KernelLocator.Default).Value!.ImagePath;
        var file = ImageFile.Read(path).Value;
        using var memory = GuestMemory.Create();
        foreach (var segment in file.Elf.Segments().Value.Where(segment => segment.VirtualAddress >= AddressSpace.KernelMap))
            file.Elf.Bytes.Span.Slice((int)segment.Offset, (int)segment.FileSize).CopyTo(memory.Span(segment.VirtualAddress, (int)segment.FileSize));
        using var cpu = new Cpu(memory, new NoHardware());
        var image = new KernelImage(new Symbols(KallsymsReader.Read(file).Value), new Types(BtfTypes.Read(file.Elf).Value));
        InitialiseList(memory, image.Symbol("modules"));
        var calls = new GuestCalls(cpu, memory, AddressSpace.Core);
        var loader = new ModuleLoader(image, memory, new CallChain(memory, image, calls), calls, new KernelLog(() => 0));

        var exports = KernelExports.Read(file.Elf).Value;
        Assert.True(exports.Length > 10_000);
        foreach (var export in exports)
        {
            Assert.True(loader.Symbols.TryFind(export.Name, gplOk: true, out var symbol), export.Name);
            Assert.Equal(export, export with
            {
                Name = loader.Symbols.NameOf(symbol),
                Namespace = loader.Symbols.NamespaceOf(symbol),
                IsGplOnly = symbol.GplOnly,
                Crc = loader.Symbols.CrcOf(symbol),
                Value = symbol.Value,
            });
            Assert.Equal(!export.IsGplOnly, loader.Symbols.TryFind(export.Name, gplOk: false, out _));
        }

        Assert.False(loader.Symbols.TryFind("no_such_symbol", gplOk: true, out _));
        Assert.False(loader.Symbols.TryFind("", gplOk: true, out _));
        Assert.Equal(exports.Length, loader.Symbols.All.Count());
    }

    private static void InitialiseList(GuestMemory memory, ulong head)
    {
        memory.WriteUInt64(head, head);
        memory.WriteUInt64(head + 8, head);
    }

    private sealed class Symbols(SymbolTable table) : ISymbolTable
    {
        public bool TryFind(string name, out ulong address) => table.TryGetAddress(name, out address);

        public string? Describe(ulong address) => null;
    }

    private sealed class Types(BtfTypes types) : ITypeTable
    {
        public ulong? SizeOf(string name) => types.TrySize(name, out var size) ? size : null;

        public ulong? OffsetOf(string structure, string path) =>
            types.TryStruct(structure, out var type) && type.TryOffset(path, out var offset) ? (ulong)offset : null;

        public long? Enumerator(string name) => types.TryEnumerator(name, out var value) ? value : null;
    }

    /// <summary>No instruction runs here.</summary>
    private sealed class NoHardware : ICpuEnvironment
    {
        public ulong TimestampCounter => 0;

        public uint In(ushort port, int size) => uint.MaxValue;

        public void Out(ushort port, int size, uint value)
        {
            // Nothing is connected.
        }

        public bool TryReadMsr(uint msr, out ulong value)
        {
            value = 0;
            return false;
        }

        public bool TryWriteMsr(uint msr, ulong value) => false;

        public CpuidResult Cpuid(uint leaf, uint subleaf) => default;
    }
}
