using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>One index file that depmod makes.</summary>
/// <param name="Name">Its name in the module directory.</param>
/// <param name="IsText">Whether it is for people and scripts, and shown by <c>depmod -n</c>.</param>
/// <param name="Bytes">Its contents.</param>
public sealed record DepmodFile(string Name, bool IsText, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// Makes the eleven index files from what depmod found. The bytes depend on the modules only. Paths, names and aliases go out as they were read.
/// </summary>
public sealed class DepmodFiles
{
    private readonly DepmodResult _result;
    private readonly BuiltInModules _builtIn;
    private readonly bool _warnOfDuplicates;
    private readonly List<DepmodMessage> _messages;

    private DepmodFiles(DepmodResult result, bool warnOfDuplicates, List<DepmodMessage> messages)
    {
        _result = result;
        _warnOfDuplicates = warnOfDuplicates;
        _messages = messages;
        _builtIn = BuiltInModules.Read(result.Directory);
    }

    /// <summary>Makes the files in depmod's order.</summary>
    /// <param name="result">What depmod found.</param>
    /// <param name="onlyText">Whether to leave out the binary files, as <c>depmod -n</c> does.</param>
    /// <param name="warnOfDuplicates">Whether keys with several values are worth a warning.</param>
    /// <param name="messages">Takes what there is to say; a fatal message ends the sequence.</param>
    public static IEnumerable<DepmodFile> Make(DepmodResult result, bool onlyText, bool warnOfDuplicates, List<DepmodMessage> messages)
    {
        var files = new DepmodFiles(result, warnOfDuplicates, messages);
        (string Name, bool IsText, Func<ReadOnlyMemory<byte>?> Make)[] all =
        [
            ("modules.dep", true, files.Dependencies),
            ("modules.dep.bin", false, files.DependencyIndex),
            ("modules.alias", true, files.Aliases),
            ("modules.alias.bin", false, files.AliasIndex),
            ("modules.softdep", true, files.SoftDependencies),
            ("modules.weakdep", true, files.WeakDependencies),
            ("modules.symbols", true, files.Symbols),
            ("modules.symbols.bin", false, files.SymbolIndex),
            ("modules.builtin.bin", false, files.BuiltInIndex),
            ("modules.builtin.alias.bin", false, files.BuiltInAliasIndex),
            ("modules.devname", true, files.DeviceNames),
        ];
        foreach (var (name, isText, make) in all)
        {
            if (onlyText && !isText)
            {
                continue;
            }
            if (make() is not { } bytes)
            {
                yield break;
            }
            yield return new(name, isText, bytes);
        }
    }

    private ReadOnlyMemory<byte>? Dependencies()
    {
        var text = new TextFile();
        for (var i = 0; i < _result.Modules.Count; i++)
        {
            AddDependencyLine(text, i);
            text.Add("\n");
        }
        return text.Bytes.ToArray();
    }

    private ReadOnlyMemory<byte>? DependencyIndex()
    {
        var index = new IndexBuilder();
        for (var i = 0; i < _result.Modules.Count; i++)
        {
            var line = new TextFile();
            AddDependencyLine(line, i);
            if (!AddKey(index, _result.Modules[i].Name, LosslessText.Decode(line.Bytes), (uint)i, "module deps"))
            {
                return null;
            }
        }
        return index.ToBytes();
    }

    private void AddDependencyLine(TextFile text, int module)
    {
        text.Add(_result.Modules[module].ListedPath).Add(":");
        foreach (var need in _result.DependenciesOf(module))
        {
            text.Add(" ").Add(_result.Modules[need].ListedPath);
        }
    }

    private ReadOnlyMemory<byte>? Aliases()
    {
        var text = new TextFile().Add("# Aliases extracted from modules themselves.\n");
        AddLines(text, "alias ", static summary => summary.Aliases, nameFirst: false);
        return text.Bytes.ToArray();
    }

    private ReadOnlyMemory<byte>? SoftDependencies()
    {
        var text = new TextFile().Add("# Soft dependencies extracted from modules themselves.\n");
        AddLines(text, "softdep ", static summary => summary.SoftDependencies, nameFirst: true);
        return text.Bytes.ToArray();
    }

    private ReadOnlyMemory<byte>? WeakDependencies()
    {
        var text = new TextFile().Add("# Weak dependencies extracted from modules themselves.\n");
        AddLines(text, "weakdep ", static summary => summary.WeakDependencies, nameFirst: true);
        return text.Bytes.ToArray();
    }

    private void AddLines(TextFile text, string command, Func<ModuleSummary, IReadOnlyList<string>> values, bool nameFirst)
    {
        for (var i = 0; i < _result.Modules.Count; i++)
        {
            var name = _result.Modules[i].Name;
            foreach (var value in values(_result.Summaries[i]))
            {
                text.Add(command).Add(nameFirst ? name : value).Add(" ").Add(nameFirst ? value : name).Add("\n");
            }
        }
    }

    private ReadOnlyMemory<byte>? AliasIndex()
    {
        var index = new IndexBuilder();
        for (var i = 0; i < _result.Modules.Count; i++)
        {
            foreach (var alias in _result.Summaries[i].Aliases)
            {
                if (!AddAlias(index, alias, _result.Modules[i].Name, (uint)i))
                {
                    return null;
                }
            }
        }
        return index.ToBytes();
    }

    private bool AddAlias(IndexBuilder index, string alias, string module, uint priority)
    {
        if (ModuleName.NormalizeAlias(alias) is { } key)
        {
            return AddKey(index, key, module, priority, "module alias");
        }
        _messages.Add(new(DepmodSeverity.Warning, $"Unmatched bracket in {alias}"));
        return true;
    }

    private ReadOnlyMemory<byte>? Symbols()
    {
        var text = new TextFile().Add("# Aliases for symbols, used by symbol_request().\n");
        foreach (var (name, owner, _) in _result.Symbols)
        {
            text.Add("alias symbol:").Add(name).Add(" ").Add(_result.Modules[owner].Name).Add("\n");
        }
        return text.Bytes.ToArray();
    }

    private ReadOnlyMemory<byte>? SymbolIndex()
    {
        var index = new IndexBuilder();
        foreach (var (name, owner, _) in _result.Symbols)
        {
            if (!AddKey(index, $"symbol:{name}", _result.Modules[owner].Name, (uint)owner, "module symbol"))
            {
                return null;
            }
        }
        return index.ToBytes();
    }

    private ReadOnlyMemory<byte>? BuiltInIndex()
    {
        if (_builtIn.Names is not { } names)
        {
            _messages.Add(new(DepmodSeverity.Warning, $"could not open {BuiltInModules.ListFile} at {_result.Directory}: {_builtIn.NamesProblem}"));
            return default(ReadOnlyMemory<byte>);
        }
        var index = new IndexBuilder();
        foreach (var name in names)
        {
            if (!AddKey(index, name, "", 0, "builtin module"))
            {
                return null;
            }
        }
        return index.ToBytes();
    }

    private ReadOnlyMemory<byte>? BuiltInAliasIndex()
    {
        if (_builtIn.Info is not { } info)
        {
            _messages.Add(new(DepmodSeverity.Warning, $"could not open {BuiltInModules.InfoFile} at {_result.Directory}: {_builtIn.InfoProblem}"));
            return default(ReadOnlyMemory<byte>);
        }
        var index = new IndexBuilder();
        foreach (var entry in info)
        {
            if (entry.Key == "alias" && !AddAlias(index, entry.Value, entry.Module, 0))
            {
                return null;
            }
        }
        return index.ToBytes();
    }

    private ReadOnlyMemory<byte>? DeviceNames()
    {
        var text = new TextFile();
        for (var i = 0; i < _result.Modules.Count; i++)
        {
            var name = _result.Modules[i].Name;
            switch (DeviceNode.FromAliases(name, _result.Summaries[i].Aliases))
            {
                case { DeviceName: not null, Type: '\0' } incomplete:
                    _messages.Add(new(DepmodSeverity.Error, $"Module '{name}' has devname ({incomplete.DeviceName}) but lacks major and minor information. Ignoring."));
                    break;
                case { DeviceName: not null } node:
                    if (text.Bytes.IsEmpty)
                    {
                        text.Add("# Device nodes to trigger on-demand module loading.\n");
                    }
                    text.Add(node.ToString()).Add("\n");
                    break;
            }
        }
        return text.Bytes.ToArray();
    }

    private bool AddKey(IndexBuilder index, string key, string value, uint priority, string what)
    {
        if (!IndexBuilder.IsValidKey(key))
        {
            _messages.Add(new(DepmodSeverity.Fatal, $"Invalid character in {what} '{key}': an index holds 7-bit characters only"));
            return false;
        }
        if (!index.Add(key, value, priority) && _warnOfDuplicates)
        {
            _messages.Add(new(DepmodSeverity.Warning, $"duplicate {what}:\n{key} {value}"));
        }
        return true;
    }
}
