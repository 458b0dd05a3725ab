using Lkm.Formats.Btf;
using Lkm.Kernel.Symbols;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What is known of the kernel image that the guest runs: addresses by name from its kallsyms, layouts by name from its BTF. Both are
/// the image's own, so another build or release needs no table here.
/// </summary>
public sealed class KernelImage
{
    private readonly ISymbolTable _symbols;
    private readonly ITypeTable _types;
    private readonly Dictionary<string, StructLayout?> _layouts = [];
    private readonly Dictionary<string, TypeAnswer> _enumerators = [];
    private readonly ulong _text, _textEnd, _initText, _initTextEnd;

    /// <summary>Creates the image's description.</summary>
    /// <param name="symbols">Its symbols.</param>
    /// <param name="types">Its types; asked only for what the snapshot does not know already.</param>
    public KernelImage(ISymbolTable symbols, ITypeTable types)
    {
        _symbols = symbols;
        _types = types;
        _text = Symbol("_stext");
        _textEnd = Symbol("_etext");
        _initText = Symbol("_sinittext");
        _initTextEnd = Symbol("_einittext");
    }

    /// <summary>THREAD_SIZE: bytes of a task's kernel stack.</summary>
    public ulong ThreadSize => 16384;

    /// <summary>The layouts used so far, for a snapshot.</summary>
    internal IEnumerable<StructLayout> KnownLayouts => _layouts.Values.OfType<StructLayout>();

    /// <summary>The structs asked for that this kernel has not, for a snapshot.</summary>
    internal IEnumerable<string> MissingStructs => _layouts.Where(layout => layout.Value is null).Select(layout => layout.Key);

    /// <summary>The enumerators asked for so far, for a snapshot.</summary>
    internal IEnumerable<(string Name, long? Value)> KnownEnumerators => _enumerators.Select(e => (e.Key, e.Value.Value));

    /// <summary>Looks a symbol up.</summary>
    /// <param name="name">Its name; where statics share one, the first by address is meant.</param>
    /// <param name="address">Its address; of a per-CPU variable its offset.</param>
    public bool TrySymbol(string name, out ulong address) => _symbols.TryFind(name, out address);

    /// <summary>The address of a symbol that every kernel has.</summary>
    /// <exception cref="KernelMismatchException">This one has not.</exception>
    public ulong Symbol(string name) =>
        TrySymbol(name, out var address) ? address : throw new KernelMismatchException($"this kernel has no symbol {name}");

    /// <summary>The address of a symbol, or 0.</summary>
    public ulong SymbolOrZero(string name) => TrySymbol(name, out var address) ? address : 0;

    /// <summary>The address of _printk(), which was printk() before 5.15.</summary>
    internal ulong Printk => TrySymbol("_printk", out var address) ? address : Symbol("printk");

    /// <summary>The layout of a struct or union.</summary>
    /// <exception cref="KernelMismatchException">This kernel has none of that name.</exception>
    public StructLayout Struct(string name) =>
        FindStruct(name) ?? throw new KernelMismatchException($"this kernel has no struct {name}");

    /// <summary>The layout of a struct or union, or null where this kernel has none of that name.</summary>
    public StructLayout? FindStruct(string name)
    {
        if (_layouts.TryGetValue(name, out var layout))
            return layout;
        return _layouts[name] = _types.SizeOf(name) is { } size ? NewLayout(name, size) : null;
    }

    /// <summary>The value of an enumerator, or null where this kernel has none of that name.</summary>
    public long? Enumerator(string name)
    {
        if (!_enumerators.TryGetValue(name, out var answer))
            _enumerators[name] = answer = new TypeAnswer(_types.Enumerator(name));
        return answer.Value;
    }

    /// <summary>Whether an address lies in the image's code.</summary>
    public bool IsText(ulong address) =>
        (address >= _text && address < _textEnd) || (address >= _initText && address < _initTextEnd);

    /// <summary>The bounds of the function that holds an address; false where there is none, and for init code.</summary>
    internal bool TryGetFunction(ulong address, out ulong start, out ulong end)
    {
        (start, end) = (0, 0);
        return address >= _text && address < _textEnd && _symbols.TryGetBounds(address, out start, out end);
    }

    /// <summary>The bounds of the symbol of code that an address lies in, init code included.</summary>
    internal bool TryGetBounds(ulong address, out ulong start, out ulong end)
    {
        (start, end) = (0, 0);
        return IsText(address) && _symbols.TryGetBounds(address, out start, out end);
    }

    /// <summary>An address as the kernel prints it: symbol+0xoffset/0xsize.</summary>
    public string Symbolise(ulong address) => _symbols.Describe(address) ?? $"0x{address:x}";

    /// <summary>A per-CPU variable by its offset: symbol+0xoffset/0xsize.</summary>
    public string SymbolisePerCpu(ulong offset) => _symbols.DescribePerCpu(offset) ?? $"0x{offset:x}";

    /// <summary>Takes over what a snapshot knows of an enumerator.</summary>
    internal void LearnEnumerator(string name, long? value) => _enumerators[name] = new TypeAnswer(value);

    /// <summary>Takes over that this kernel has no such struct.</summary>
    internal void LearnMissing(string name) => _layouts[name] = null;

    /// <summary>Takes over a layout that a snapshot holds; its members follow.</summary>
    internal StructLayout Learn(string name, ulong size) => _layouts[name] = NewLayout(name, size);

    /// <summary>A struct of our own, so that the dictionary's code is compiled ahead of time with this assembly.</summary>
    private sealed record TypeAnswer(long? Value);

    /// <summary>A function's prototype; null where the image's types do not tell of it.</summary>
    public BtfFunction? FindFunction(string name) => _types.FindFunction(name);

    private StructLayout NewLayout(string name, ulong size) => new(name, size, member => _types.OffsetOf(name, member));
}

/// <summary>Names and addresses of an image's symbols.</summary>
public interface ISymbolTable
{
    /// <summary>The address of a symbol, the lowest where several share the name.</summary>
    bool TryFind(string name, out ulong address);

    /// <summary>The symbol that an address lies in, as name+0xoffset/0xsize, or null.</summary>
    string? Describe(ulong address);

    /// <summary>The per-CPU variable that an offset lies in, as name+0xoffset/0xsize, or null.</summary>
    string? DescribePerCpu(ulong offset) => null;

    /// <summary>The first byte of the symbol that an address lies in, and the byte after its last.</summary>
    bool TryGetBounds(ulong address, out ulong start, out ulong end)
    {
        (start, end) = (0, 0);
        return false;
    }
}

/// <summary>Layouts of an image's types.</summary>
public interface ITypeTable
{
    /// <summary>The size of a struct or union in bytes, or null.</summary>
    ulong? SizeOf(string name);

    /// <summary>The offset of a member in bytes, by path, or null.</summary>
    ulong? OffsetOf(string structure, string path);

    /// <summary>The value of an enumerator, or null.</summary>
    long? Enumerator(string name);

    /// <summary>A function's prototype, or null.</summary>
    BtfFunction? FindFunction(string name) => null;
}
