namespace Lkm.Modules;

/// <summary>
/// The entries of a context by name and alias: a table of chains, because a dictionary of one's own type costs a start more than looking a handful
/// of modules up.
/// </summary>
internal sealed class ModuleEntryTable
{
    private ModuleEntry?[] _chains = new ModuleEntry?[64];
    private int _count;

    /// <summary>The entry of that name and alias, or null.</summary>
    public ModuleEntry? Find(string name, string? alias)
    {
        var entry = _chains[PlaceOf(name)];
        while (entry is not null && (entry.Name != name || entry.Alias != alias))
        {
            entry = entry.NextInTable;
        }
        return entry;
    }

    /// <summary>Adds an entry that is not there yet.</summary>
    public ModuleEntry Add(ModuleEntry entry)
    {
        if (++_count > _chains.Length)
        {
            var old = _chains;
            _chains = new ModuleEntry?[old.Length * 4];
            foreach (var chain in old)
            {
                for (var next = chain; next is not null;)
                {
                    var moved = next;
                    next = moved.NextInTable;
                    Link(moved);
                }
            }
        }
        Link(entry);
        return entry;
    }

    private void Link(ModuleEntry entry)
    {
        ref var chain = ref _chains[PlaceOf(entry.Name)];
        entry.NextInTable = chain;
        chain = entry;
    }

    private int PlaceOf(string name)
    {
        var hash = 0;
        foreach (var c in name)
        {
            hash = hash * 31 + c;
        }
        return hash & (_chains.Length - 1);
    }
}
