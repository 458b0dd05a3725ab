using System.IO.Enumeration;
using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>A module's file that depmod found.</summary>
/// <param name="Name">The module's name.</param>
/// <param name="Path">Where the file is.</param>
/// <param name="ListedPath">The path that indexes give: relative to the module directory, or absolute for files elsewhere.</param>
public sealed record TreeModule(string Name, string Path, string ListedPath);

/// <summary>Finds the modules of a directory: one file for each name, the one that takes precedence, in the order of <c>modules.order</c>.</summary>
internal sealed class ModuleTree
{
    // Deeper than any path that the kernel accepts, so this only ends loops of symbolic links.
    private const int DeepestDirectory = 256;

    private readonly DepmodConfiguration _configuration;
    private readonly Dictionary<string, Candidate> _modules = [];
    private readonly List<string> _names = [];
    private readonly List<DepmodMessage> _messages;

    private ModuleTree(DepmodConfiguration configuration, List<DepmodMessage> messages)
    {
        _configuration = configuration;
        _messages = messages;
    }

    /// <summary>All modules of a tree.</summary>
    /// <returns>Null if the module directory itself can't be read; the message says why.</returns>
    public static List<TreeModule>? Find(string directory, DepmodConfiguration configuration, List<DepmodMessage> messages)
    {
        var tree = new ModuleTree(configuration, messages);
        if (!tree.Search(directory, "", 0))
        {
            return null;
        }
        foreach (var external in configuration.Externals)
        {
            tree.Search(external, external, 0);
        }
        return tree.InOrder(directory);
    }

    /// <summary>Modules that were given by their paths; those in the directory are listed relative to it.</summary>
    public static List<TreeModule> FromPaths(string directory, IEnumerable<string> paths, DepmodConfiguration configuration, List<DepmodMessage> messages)
    {
        var tree = new ModuleTree(configuration, messages);
        foreach (var path in paths)
        {
            var inside = path.Length > directory.Length && path.StartsWith(directory, StringComparison.Ordinal) && path[directory.Length] == '/';
            tree.Add(path, inside ? path[(directory.Length + 1)..] : path);
        }
        return tree.InOrder(directory);
    }

    private bool Search(string directory, string listed, int depth)
    {
        List<Entry> entries;
        try
        {
            entries = [.. new FileSystemEnumerable<Entry>(directory, Transform, Everything)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _messages.Add(new(DepmodSeverity.Error, $"could not open directory {directory}: {HostError.Describe(e)}"));
            return false;
        }
        // The order of a directory differs from one file system to the next; names in order give the same result on all.
        entries.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        foreach (var entry in entries)
        {
            var path = $"{directory}/{entry.Name}";
            var entryListed = listed.Length == 0 ? entry.Name : $"{listed}/{entry.Name}";
            if (entry.IsDirectory)
            {
                if (depth < DeepestDirectory && !IsExcluded(entry.Name))
                {
                    Search(path, entryListed, depth + 1);
                }
            }
            else if (ModuleName.HasModuleExtension(entry.Name))
            {
                if (entry.IsLink && !LeadsToFile(path))
                {
                    _messages.Add(new(DepmodSeverity.Error, $"fstatat({depth + 3}, {entry.Name}): No such file or directory"));
                    continue;
                }
                Add(path, entryListed);
            }
        }
        return true;
    }

    /// <summary>Whether a symbolic link leads to something. File.Exists() is content with the link itself.</summary>
    private static bool LeadsToFile(string link)
    {
        try
        {
            return File.ResolveLinkTarget(link, returnFinalTarget: true) is { Exists: true };
        }
        catch (IOException)
        {
            return false; // it leads in circles
        }
    }

    private sealed record Entry(string Name, bool IsDirectory, bool IsLink);

    private sealed record Candidate(TreeModule Module, int Rank);

    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    private static Entry Transform(ref FileSystemEntry entry) =>
        new(entry.FileName.ToString(), entry.IsDirectory, (entry.Attributes & FileAttributes.ReparsePoint) != 0);

    private bool IsExcluded(string name) => name is "build" or "source" || _configuration.Excludes.Contains(name);

    private void Add(string path, string listed)
    {
        var name = ModuleName.FromPath(listed);
        var rank = _configuration.Rank(listed);
        if (!_modules.TryGetValue(name, out var known))
        {
            _names.Add(name);
        }
        else if (known.Rank <= rank)
        {
            return;
        }
        _modules[name] = new(new(name, path, listed), rank);
    }

    /// <summary>Modules that <c>modules.order</c> lists come in its order, the others after them in that of kmod's table.</summary>
    private List<TreeModule> InOrder(string directory)
    {
        var order = ReadOrder($"{directory}/modules.order");
        var places = new TreeModule?[order.Count];
        var rest = new List<Unlisted>();
        foreach (var name in _names)
        {
            var module = _modules[name].Module;
            var plain = module.ListedPath[..^ModuleName.ExtensionLength(module.ListedPath)];
            if (order.TryGetValue(plain, out var place))
            {
                places[place] = module;
            }
            else
            {
                rest.Add(new(module, KmodHash.BucketOf(name, KmodHash.ModuleBuckets)));
            }
        }
        var modules = new List<TreeModule>(_names.Count);
        foreach (var module in places)
        {
            if (module is not null)
            {
                modules.Add(module);
            }
        }
        rest.Sort(static (a, b) => a.Bucket != b.Bucket ? a.Bucket - b.Bucket : string.CompareOrdinal(a.Module.Name, b.Module.Name));
        foreach (var unlisted in rest)
        {
            modules.Add(unlisted.Module);
        }
        return modules;
    }

    private sealed record Unlisted(TreeModule Module, int Bucket);

    private Dictionary<string, int> ReadOrder(string file)
    {
        var order = new Dictionary<string, int>();
        if (SmallFile.TryRead(file, out var error) is not { } bytes)
        {
            _messages.Add(new(DepmodSeverity.Warning, $"could not open modules.order at {file[..file.LastIndexOf('/')]}: {error.Message()}"));
            return order;
        }
        ReadOnlySpan<byte> rest = bytes;
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = LosslessText.Decode(end < 0 ? rest : rest[..end]);
            rest = end < 0 ? default : rest[(end + 1)..];
            order.TryAdd(line[..^ModuleName.ExtensionLength(line)], order.Count);
        }
        return order;
    }
}
