using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>The binary indexes of a module directory.</summary>
public enum ModuleIndexKind
{
    /// <summary><c>modules.dep.bin</c>: module name to its file and those it needs.</summary>
    Dependencies,

    /// <summary><c>modules.alias.bin</c>: alias pattern to module name.</summary>
    Aliases,

    /// <summary><c>modules.symbols.bin</c>: <c>symbol:NAME</c> to the module that exports it.</summary>
    Symbols,

    /// <summary><c>modules.builtin.bin</c>: names of the modules that are part of the kernel.</summary>
    BuiltIn,

    /// <summary><c>modules.builtin.alias.bin</c>: alias pattern to the name of a module that is part of the kernel.</summary>
    BuiltInAliases,
}

/// <summary>
/// A directory of modules for one kernel version, usually <c>/lib/modules/VERSION</c>, with the indexes that depmod made for it. Indexes are read
/// when they are first needed, and only those parts of them; their files stay open until then.
/// </summary>
public sealed class ModuleDirectory : IDisposable
{
    private static readonly string[] IndexFiles =
        ["modules.dep.bin", "modules.alias.bin", "modules.symbols.bin", "modules.builtin.bin", "modules.builtin.alias.bin"];

    private readonly ModuleIndex?[] _indexes = new ModuleIndex?[IndexFiles.Length];
    private readonly bool[] _opened = new bool[IndexFiles.Length];
    private List<MalformedFile>? _problems;

    private ModuleDirectory(string path) => Path = path;

    /// <summary>The directory's path.</summary>
    public string Path { get; }

    /// <summary>Indexes that could not be read, with the reason; a missing index is no problem.</summary>
    public IEnumerable<MalformedFile> Problems
    {
        get
        {
            foreach (var problem in _problems ?? [])
            {
                yield return problem;
            }
            foreach (var index in _indexes)
            {
                if (index?.Problem is { } problem)
                {
                    yield return problem;
                }
            }
        }
    }

    /// <summary>A directory with the index files that lie in it. It need not exist; then nothing is found.</summary>
    public static ModuleDirectory Open(string path) => new(path);

    /// <summary>A directory whose indexes are in memory, such as <see cref="ModuleIndex"/> reads them; what is not given is missing.</summary>
    /// <param name="path">What the paths in the dependency index are relative to.</param>
    /// <param name="indexes">The bytes of index files.</param>
    public static ModuleDirectory FromIndexes(string path, IReadOnlyDictionary<ModuleIndexKind, byte[]> indexes)
    {
        var directory = new ModuleDirectory(path);
        for (var kind = 0; kind < IndexFiles.Length; kind++)
        {
            directory._opened[kind] = true;
            if (indexes.TryGetValue((ModuleIndexKind)kind, out var bytes))
            {
                directory._indexes[kind] = directory.Parse(new(bytes), IndexFiles[kind]);
            }
        }
        return directory;
    }

    /// <summary>The path of the kernel's own place for a version.</summary>
    /// <param name="version">A kernel release, as <c>uname -r</c> prints it.</param>
    /// <param name="root">What stands before the path, for a system that is not at <c>/</c>; no slash at its end.</param>
    public static string PathFor(string version, string root = "") => $"{root}/lib/modules/{version}";

    /// <summary>One of the directory's indexes; null if it is missing or unreadable.</summary>
    public ModuleIndex? Index(ModuleIndexKind kind)
    {
        if (!_opened[(int)kind])
        {
            _opened[(int)kind] = true;
            var file = $"{Path}/{IndexFiles[(int)kind]}";
            var error = SmallFile.Open(file, out var opened);
            if (error == Errno.OK && IndexBytes.Over(opened) is { } bytes)
            {
                _indexes[(int)kind] = Parse(bytes, file);
            }
            else if (error != Errno.ENOENT)
            {
                opened.Dispose();
                (_problems ??= []).Add(new(file, 0, (error == Errno.OK ? Errno.EFBIG : error).Message()));
            }
        }
        return _indexes[(int)kind];
    }

    /// <summary>The line of <c>modules.dep</c> for a module: its file, a colon, and the files that it needs; null if there is none.</summary>
    /// <param name="name">The module's normalised name.</param>
    public string? DependencyLine(string name) =>
        ShortText.IndexOf(name, ':') >= 0 ? null : Index(ModuleIndexKind.Dependencies)?.Find(name);

    /// <summary>Whether a module is part of the kernel.</summary>
    /// <param name="name">The module's normalised name.</param>
    public bool IsBuiltIn(string name) => Index(ModuleIndexKind.BuiltIn)?.Find(name) is not null;

    /// <summary>The path of a file that an index names: relative to the directory, unless it is absolute.</summary>
    public string PathOf(string file) => file is ['/', ..] ? file : $"{Path}/{file}";

    /// <summary>Closes the index files; what was not read of them can't be read any more.</summary>
    public void Dispose()
    {
        foreach (var index in _indexes)
        {
            index?.Close();
        }
    }

    private ModuleIndex? Parse(IndexBytes bytes, string file)
    {
        var index = ModuleIndex.Parse(bytes, file, out var problem);
        if (problem is not null)
        {
            bytes.Dispose();
            (_problems ??= []).Add(problem);
        }
        return index;
    }
}
