using System.Collections.Concurrent;
using System.Text;

namespace Lkm.Modules;

/// <summary>
/// What depmod read of modules before, with size and time of change of each file, so that <c>depmod -A</c> reads only what is new. Anything about the
/// file that does not fit makes it an empty cache, never an error.
/// </summary>
public sealed class SummaryCache
{
    private const uint Magic = 0x6C6B6D31; // changes with the layout
    private const int MostItems = 1 << 20;

    private readonly Dictionary<string, (long Size, long Ticks, ModuleSummary Summary)> _known = [];
    private readonly ConcurrentDictionary<string, (long Size, long Ticks, ModuleSummary Summary)> _current = [];

    /// <summary>How many modules were taken from the cache in this run.</summary>
    public int Hits => _hits;

    private int _hits;

    /// <summary>The cache in a file; empty if there is none or it is damaged.</summary>
    public static SummaryCache Load(string path)
    {
        var cache = new SummaryCache();
        try
        {
            using var reader = new BinaryReader(new MemoryStream(File.ReadAllBytes(path)), Encoding.UTF8);
            if (reader.ReadUInt32() == Magic)
            {
                cache.Read(reader);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or FormatException or OverflowException)
        {
            cache._known.Clear();
        }
        return cache;
    }

    /// <summary>Writes what this run used; modules that are gone are left out.</summary>
    public void Save(string path)
    {
        var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(Magic);
        writer.Write(_current.Count);
        foreach (var (name, entry) in _current.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            writer.Write(name);
            writer.Write(entry.Size);
            writer.Write(entry.Ticks);
            Write(writer, entry.Summary.Aliases);
            Write(writer, entry.Summary.SoftDependencies);
            Write(writer, entry.Summary.WeakDependencies);
            writer.Write(entry.Summary.Exports.Count);
            foreach (var export in entry.Summary.Exports)
            {
                writer.Write(export.Name);
                writer.Write(export.Crc);
            }
            writer.Write(entry.Summary.ImportNames.Length);
            writer.Write(entry.Summary.ImportNames);
        }
        AtomicFile.Write(path, stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    internal ModuleSummary GetOrRead(TreeModule module, Func<string, ModuleSummary> read)
    {
        var file = new FileInfo(module.Path);
        if (!file.Exists)
        {
            return read(module.Path);
        }
        var (size, ticks) = (file.Length, file.LastWriteTimeUtc.Ticks);
        ModuleSummary summary;
        if (_known.TryGetValue(module.ListedPath, out var known) && known.Size == size && known.Ticks == ticks)
        {
            Interlocked.Increment(ref _hits);
            summary = known.Summary;
        }
        else
        {
            summary = read(module.Path);
        }
        if (summary.Problem is null)
        {
            _current[module.ListedPath] = (size, ticks, summary);
        }
        return summary;
    }

    private void Read(BinaryReader reader)
    {
        for (var left = Count(reader); left > 0; left--)
        {
            var name = reader.ReadString();
            var size = reader.ReadInt64();
            var ticks = reader.ReadInt64();
            string[] aliases = Texts(reader), soft = Texts(reader), weak = Texts(reader);
            var exports = new SummaryExport[Count(reader)];
            for (var i = 0; i < exports.Length; i++)
            {
                exports[i] = new(reader.ReadString(), reader.ReadUInt64());
            }
            var imports = reader.ReadBytes(Count(reader));
            if (imports is [.., not 0])
            {
                throw new FormatException("The last name has no end.");
            }
            _known[name] = (size, ticks, new() { Aliases = aliases, SoftDependencies = soft, WeakDependencies = weak, Exports = exports, ImportNames = imports });
        }
    }

    private static int Count(BinaryReader reader)
    {
        var count = reader.ReadInt32();
        return count >= 0 && count <= Math.Min(MostItems, reader.BaseStream.Length - reader.BaseStream.Position) ? count : throw new FormatException("A count is impossible.");
    }

    private static string[] Texts(BinaryReader reader)
    {
        var texts = new string[Count(reader)];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = LosslessText.Decode(reader.ReadBytes(Count(reader)));
        }
        return texts;
    }

    private static void Write(BinaryWriter writer, IReadOnlyList<string> texts)
    {
        writer.Write(texts.Count);
        foreach (var text in texts)
        {
            var bytes = LosslessText.Encode(text);
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
    }
}
