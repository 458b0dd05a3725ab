using Lkm.Formats.Btf;
using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Symbols;

/// <summary>The image's BTF as the core asks for it; read when first asked, for a warm start knows its layouts from the snapshot.</summary>
internal sealed class ImageTypes(Func<BtfTypes> read) : ITypeTable
{
    private readonly Lazy<BtfTypes> _types = new(read, isThreadSafe: false);

    /// <summary>Whether anything was asked for.</summary>
    public bool AreRead => _types.IsValueCreated;

    /// <inheritdoc/>
    public ulong? SizeOf(string name) => _types.Value.TrySize(name, out var size) ? size : null;

    /// <inheritdoc/>
    public ulong? OffsetOf(string structure, string path) =>
        _types.Value.TryStruct(structure, out var type) && type.TryOffset(path, out var offset) ? (ulong)offset : null;

    /// <inheritdoc/>
    public BtfFunction? FindFunction(string name) => _types.Value.TryFunction(name, out var function) ? function : null;

    /// <inheritdoc/>
    public long? Enumerator(string name) => _types.Value.TryEnumerator(name, out var value) ? value : null;
}
