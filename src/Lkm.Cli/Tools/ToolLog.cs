using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>How serious a message is: syslog(3)'s numbers.</summary>
internal enum LogLevel
{
    Emergency = 0,
    Fatal = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// <summary>Messages for people, on standard error or to the system's log: <c>PROGRAM: ERROR: text</c>.</summary>
/// <param name="program">The program's name.</param>
/// <param name="error">Standard error.</param>
internal sealed class ToolLog(string program, ToolOutput error)
{
    private bool _toSystem;
    private List<string>? _messages;

    /// <summary>The messages so far.</summary>
    public IEnumerable<string> Messages => _messages ?? [];

    /// <summary>The least serious level that still goes out.</summary>
    public LogLevel Level { get; set; } = LogLevel.Warning;

    /// <summary>From now on messages go to the system's log.</summary>
    public void UseSystemLog()
    {
        HostProcess.OpenSystemLog(program);
        _toSystem = true;
    }

    /// <summary>Says that nothing can be done.</summary>
    /// <returns>The exit code for that, 1.</returns>
    public int Fatal(string text) => Write(LogLevel.Fatal, "FATAL", text);

    /// <summary>Says what went wrong.</summary>
    /// <returns>The exit code for that, 1.</returns>
    public int Error(string text) => Write(LogLevel.Error, "ERROR", text);

    /// <summary>Warns.</summary>
    public void Warning(string text) => Write(LogLevel.Warning, "WARNING", text);

    /// <summary>Tells what is done.</summary>
    public void Info(string text) => Write(LogLevel.Info, "INFO", text);

    /// <summary>Writes a line that is no message of its own, such as those about unusable options.</summary>
    public void Plain(string text)
    {
        error.WriteLine(text);
        error.Flush();
    }

    private int Write(LogLevel level, string word, string text)
    {
        if (level <= Level)
        {
            (_messages ??= []).Add(text);
            if (_toSystem)
            {
                HostProcess.WriteSystemLog((int)level, $"{word}: {text}");
            }
            else
            {
                Plain($"{program}: {word}: {text}");
            }
        }
        return 1;
    }
}
