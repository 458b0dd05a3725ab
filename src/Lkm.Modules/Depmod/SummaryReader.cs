using System.Buffers.Binary;
using System.Text;
using Lkm.Formats;
using Lkm.Formats.Compression;
using Lkm.Formats.Elf;
using Lkm.Formats.Modules;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// Reads what depmod needs of module files, one after the other into the same buffer. Of plain files only the parts that matter are looked at;
/// signatures and debug sections never are. One reader for each thread.
/// </summary>
internal sealed class SummaryReader(bool withImports, int limit)
{
    /// <summary>Greatest size of a module in bytes, unpacked, unless the caller says otherwise.</summary>
    public const int DefaultLimit = 1 << 30;

    private byte[] _file = new byte[1 << 20];
    private byte[]? _unpacked;

    public ModuleSummary Read(string path)
    {
        if (Fill(path) is { } problem)
        {
            return Failed(problem);
        }
        ReadOnlyMemory<byte> bytes = _file.AsMemory(0, _length);
        if (!Decompressor.DecompressIfNeeded(bytes, ref _unpacked, path, limit).TryGet(out var plain, out var error) ||
            !ElfFile.Parse(plain, path).TryGet(out var elf, out error))
        {
            return Failed(error with { Errno = KmodErrno.Of(error, bytes.Span) });
        }
        return Summarise(elf);
    }

    private int _length;

    private FormatError? Fill(string path)
    {
        if (SmallFile.Open(path, out var file) is not Errno.OK and var error)
        {
            return new(path, -1, $"cannot be read: {error.Message()}", error);
        }
        using (file)
        {
            var size = file.Size;
            if (size < 0 || size > limit)
            {
                return size < 0
                    ? new(path, -1, "cannot be read: it has no size", Errno.ESPIPE)
                    : new(path, 0, $"larger than the limit of {limit} bytes", Errno.EFBIG);
            }
            if (size > _file.Length)
            {
                _file = new byte[Math.Max(size, Math.Min(2L * _file.Length, limit))];
            }
            _length = (int)size;
            var parts = new ElfParts(file, _file, _length);
            return (parts.ReadHeaders() && parts.ReadForDepmod()) || file.ReadPart(_file, 0, _length)
                ? null
                : new(path, -1, "cannot be read: it became shorter", Errno.EIO);
        }
    }

    private ModuleSummary Summarise(ElfFile elf)
    {
        if (!elf.Symbols().TryGet(out var symbols, out var error))
        {
            return Failed(error);
        }
        List<string> aliases = [], soft = [], weak = [];
        foreach (var entry in ModuleInfo.Parse(elf.FindSection(".modinfo"u8)?.Data ?? default).Entries)
        {
            var list = entry.KeyUtf8 switch
            {
                var key when key.SequenceEqual("alias"u8) => aliases,
                var key when key.SequenceEqual("softdep"u8) => soft,
                var key when key.SequenceEqual("weakdep"u8) => weak,
                _ => null,
            };
            list?.Add(LosslessText.Decode(entry.ValueUtf8));
        }
        var (exports, names, imports) = symbols is null ? ([], [], []) : ReadSymbols(elf, symbols);
        if (exports.Count == 0)
        {
            AddUnversionedExports(elf, exports);
        }
        return new()
        {
            Aliases = aliases,
            SoftDependencies = soft,
            WeakDependencies = weak,
            Exports = exports,
            ImportNames = names,
            Imports = imports,
        };
    }

    private (List<SummaryExport> Exports, byte[] ImportNames, List<SummaryImport> Imports) ReadSymbols(ElfFile elf, ElfSymbolTable symbols)
    {
        var exports = new List<SummaryExport>();
        var imports = new List<SummaryImport>();
        var names = new MemoryStream();
        var versions = withImports ? new Versions(elf) : null;
        for (var i = 1; i < symbols.Count; i++)
        {
            var symbol = symbols[i];
            if (symbol.NameOffset == 0)
            {
                continue;
            }
            if (symbol.IsUndefined)
            {
                var name = symbols.NameUtf8(symbol);
                names.Write(name);
                names.WriteByte(0);
                if (versions is not null)
                {
                    imports.Add(new(versions.Take(Encoding.UTF8.GetString(name)), symbol.Binding == SymbolBinding.Weak));
                }
            }
            else if (symbols.NameUtf8(symbol) is var name && name.StartsWith("__crc_"u8))
            {
                exports.Add(new(Encoding.UTF8.GetString(name["__crc_"u8.Length..]), Crc(elf, symbol)));
            }
        }
        foreach (var version in versions?.Left ?? [])
        {
            names.Write(Encoding.UTF8.GetBytes(version.Name));
            names.WriteByte(0);
            imports.Add(new(version.Crc, IsWeak: false));
        }
        return (exports, names.ToArray(), imports);
    }

    /// <summary>A version: the value of its symbol itself before Linux 5.19, since then a word that the symbol points to.</summary>
    private static ulong Crc(ElfFile elf, in ElfSymbol symbol)
    {
        if (symbol.IsAbsolute || symbol.Section >= elf.Sections.Count)
        {
            return symbol.Value;
        }
        var data = elf.Sections[symbol.Section].Data.Span;
        if (symbol.Value > (ulong)data.Length || (ulong)data.Length - symbol.Value < 4)
        {
            return 0;
        }
        var word = data[(int)symbol.Value..];
        return elf.Layout.IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(word) : BinaryPrimitives.ReadUInt32LittleEndian(word);
    }

    /// <summary>Without versions, the names of exported symbols are all that <c>__ksymtab_strings</c> holds.</summary>
    private static void AddUnversionedExports(ElfFile elf, List<SummaryExport> exports)
    {
        var strings = (elf.FindSection("__ksymtab_strings"u8)?.Data ?? default).Span;
        while (!strings.IsEmpty)
        {
            var name = CString.Span(strings);
            if (!name.IsEmpty)
            {
                exports.Add(new(Encoding.UTF8.GetString(name), 0));
            }
            strings = strings[Math.Min(name.Length + 1, strings.Length)..];
        }
    }

    /// <summary>The versions that a module expects, by symbol; those that no symbol asked for are left at the end.</summary>
    private sealed class Versions
    {
        private readonly Dictionary<string, SymbolVersion> _byName = [];

        public Versions(ElfFile elf)
        {
            foreach (var version in SymbolVersion.Read(elf).ValueOr([]))
            {
                _byName.TryAdd(version.Name, version);
            }
        }

        public IEnumerable<SymbolVersion> Left => _byName.Values;

        public ulong Take(string name) => _byName.Remove(name, out var version) ? version.Crc : 0;
    }

    private static ModuleSummary Failed(FormatError problem) => new() { Problem = problem };
}
