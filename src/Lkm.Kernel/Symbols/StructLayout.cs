namespace Lkm.Kernel.Symbols;

/// <summary>The layout of a struct of the running kernel: never assumed, always read from the image's own type information.</summary>
public sealed class StructLayout
{
    private readonly Func<string, ulong?> _resolve;
    private readonly Dictionary<string, ulong?> _offsets = [];

    internal StructLayout(string name, ulong size, Func<string, ulong?> resolve)
    {
        Name = name;
        Size = size;
        _resolve = resolve;
    }

    /// <summary>The struct's tag.</summary>
    public string Name { get; }

    /// <summary>sizeof, in bytes.</summary>
    public ulong Size { get; }

    /// <summary>The members looked up so far, for the snapshot: a warm start needs no type information.</summary>
    internal IReadOnlyDictionary<string, ulong?> Known => _offsets;

    /// <summary>The offset of a member in bytes; the path may lead into nested structs ("thread.sp").</summary>
    /// <exception cref="KernelMismatchException">The struct has no such member in this kernel.</exception>
    public ulong this[string member] =>
        Find(member) ?? throw new KernelMismatchException($"struct {Name} of this kernel has no member {member}");

    /// <summary>The offset of a member in bytes, or null where this kernel has none.</summary>
    public ulong? Find(string member)
    {
        if (!_offsets.TryGetValue(member, out var offset))
            _offsets[member] = offset = _resolve(member);
        return offset;
    }

    internal void Learn(string member, ulong? offset) => _offsets[member] = offset;
}

/// <summary>The kernel image lacks something that the core cannot do without: a kernel that lkm does not know yet.</summary>
public sealed class KernelMismatchException(string message) : Exception(message);
