using Lkm.Formats.Elf;

namespace Lkm.Formats.Modules;

/// <summary>A symbol that a module takes from the kernel or another module.</summary>
/// <param name="Name">The symbol.</param>
/// <param name="IsWeak">True when the module also works without it: unresolved it becomes 0.</param>
/// <param name="Index">Index in the module's symbol table.</param>
public readonly record struct ImportedSymbol(string Name, bool IsWeak, int Index)
{
    /// <summary>The undefined symbols of a module, in symbol table order.</summary>
    public static Result<ImportedSymbol[]> Read(ElfFile file)
    {
        if (!file.Symbols().TryGet(out ElfSymbolTable? symbols, out FormatError? error))
            return error;
        var imports = new List<ImportedSymbol>();
        for (int i = 1; i < (symbols?.Count ?? 0); i++)
        {
            ElfSymbol symbol = symbols![i];
            if (symbol.IsUndefined && symbol.NameOffset != 0)
                imports.Add(new ImportedSymbol(symbols.Name(symbol), symbol.Binding == SymbolBinding.Weak, i));
        }

        return imports.ToArray();
    }
}
