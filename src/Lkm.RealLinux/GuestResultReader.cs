using System.Globalization;

namespace Lkm.RealLinux;

/// <summary>
/// Reads what a command did from the guest's console: a begin mark, what the kernel tells there (all that is left of a command that the guest
/// does not survive), an output mark, the command's output, a status mark, the kernel's log, an end mark. Or a mark that it was left out.
/// </summary>
/// <param name="command">The command.</param>
public sealed class GuestResultReader(string command)
{
    private readonly List<GuestLogLine> _log = [];
    private List<string>? _output;
    private int? _status;
    private ulong _taint;

    /// <summary>Whether the end mark has come.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Whether it was not run, as one before it had failed that was required.</summary>
    public bool WasLeftOut { get; private set; }

    /// <summary>What was read. A command that the guest did not survive has no status.</summary>
    public GuestResult Result => new(command, _status, string.Join('\n', _output ?? []).TrimEnd('\n'), _log, _taint);

    /// <summary>Takes a line.</summary>
    public void Add(string line)
    {
        string[] words = line.StartsWith(GuestProtocol.Mark, StringComparison.Ordinal) ? line.Split(' ') : [];
        if (words is [_, "begin" or "output"])
        {
            _output = [];
        }
        else if (words is [_, "status", string code, string tainted])
        {
            _status = int.Parse(code, CultureInfo.InvariantCulture);
            _taint = ulong.Parse(tainted, CultureInfo.InvariantCulture);
        }
        else if (words is [_, "end" or "left-out"])
        {
            IsDone = true;
            WasLeftOut = words[1] == "left-out";
        }
        else if (_status is null)
        {
            _output?.Add(line);
        }
        else if (GuestProtocol.ReadLogLine(line) is { } entry)
        {
            _log.Add(entry);
        }
    }
}
