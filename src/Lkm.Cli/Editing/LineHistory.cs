namespace Lkm.Cli.Editing;

/// <summary>The lines that were entered, the latest last; kept in a file between sessions.</summary>
/// <param name="file">The file; null for none.</param>
internal sealed class LineHistory(string? file)
{
    private const int Most = 1000;

    private readonly List<string> _lines = Read(file);

    /// <summary>How many there are.</summary>
    public int Count => _lines.Count;

    /// <summary>A line, the oldest first.</summary>
    public string this[int index] => _lines[index];

    /// <summary>The history of the user: <c>$XDG_STATE_HOME/lkm/history</c>, else <c>~/.local/state/lkm/history</c>.</summary>
    public static LineHistory OfUser()
    {
        if (Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } state)
            return new LineHistory(Path.Combine(state, "lkm", "history"));
        return new LineHistory(
            Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Path.Combine(home, ".local", "state", "lkm", "history") : null);
    }

    /// <summary>Adds a line, unless it is blank or the last one again.</summary>
    public void Add(string line)
    {
        if (string.IsNullOrWhiteSpace(line) || (_lines.Count > 0 && _lines[^1] == line))
            return;
        _lines.Add(line);
        if (file is null)
            return;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.AppendAllText(file, line + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A history that cannot be kept is no reason to stop.
        }
    }

    private static List<string> Read(string? file)
    {
        try
        {
            return file is not null && File.Exists(file) ? [.. File.ReadLines(file).TakeLast(Most)] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
