using System.Text;

namespace Lkm.Cli.CommandLine;

/// <summary>Standard output and standard error. <see cref="Console"/> would look for encodings and terminals at start-up; these need neither.</summary>
internal static class Screen
{
    private const int StandardOutput = 1, StandardError = 2;
    private const string EraseLine = "\r\e[K";

    private static readonly Lock s_lock = new();
    private static TextWriter? s_output;
    private static TextWriter? s_error;
    private static bool? s_showsProgress;
    private static HashSet<string>? s_begun;
    private static bool s_isProgressShown;

    /// <summary>Standard output, line by line.</summary>
    public static TextWriter Output
    {
        get
        {
            if (s_isProgressShown)
                WriteError("");
            return s_output ??= TextWriter.Synchronized(Open(OpenOutput()));
        }
    }

    /// <summary>Whether progress is shown: on a terminal, unless it has been said otherwise.</summary>
    public static bool ShowsProgress
    {
        get => s_showsProgress ??= !Console.IsErrorRedirected;
        set => s_showsProgress = value;
    }

    /// <summary>Standard output, for bytes; what <see cref="Output"/> holds back is not in it yet.</summary>
    public static Stream OpenOutput() => new DescriptorStream(StandardOutput);

    /// <summary>Reports a failure on one line of standard error.</summary>
    /// <returns>1, the exit code that goes with it.</returns>
    public static int Fail(string message)
    {
        Output.Flush();
        Notice(message);
        return ExitCode.Failed;
    }

    /// <summary>Reports unusable arguments.</summary>
    /// <returns>2.</returns>
    public static int Misused(string message)
    {
        Fail(message);
        return ExitCode.Misused;
    }

    /// <summary>Says on one line of standard error what is being done, or what is worth knowing.</summary>
    public static void Notice(string message) => WriteError($"lkm: {message}\n");

    /// <summary>Tells how far a long step is: on a terminal by one line that changes; elsewhere only that it has begun.</summary>
    /// <param name="step">What is being done.</param>
    /// <param name="howFar">How far it is; null when it is over.</param>
    public static void Progress(string step, string? howFar)
    {
        if (ShowsProgress)
            WriteError(howFar is null ? "" : Clip($"lkm: {step}: {howFar}"), isProgress: howFar is not null);
        else if (HasBegun(step))
            Notice(step);
    }

    /// <summary>Writes out what is buffered.</summary>
    public static void Flush() => s_output?.Flush();

    /// <summary>Writes out what is buffered ten times a second: who waits for a long run sees what happens while it happens. For a thread that has nothing else to do.</summary>
    public static void KeepFlushing()
    {
        const int milliseconds = 100;
        try
        {
            while (true)
            {
                Thread.Sleep(milliseconds);
                Flush();
            }
        }
        catch (IOException)
        {
            // Nobody reads any more: whoever writes is told so.
        }
    }

    private static bool HasBegun(string step)
    {
        lock (s_lock)
            return (s_begun ??= []).Add(step);
    }

    /// <summary>A line that was wrapped could not be erased.</summary>
    private static string Clip(string line) => Console.WindowWidth is var width and > 0 && line.Length >= width ? line[..(width - 1)] : line;

    private static void WriteError(string text, bool isProgress = false)
    {
        lock (s_lock)
        {
            s_error ??= Open(new DescriptorStream(StandardError));
            s_error.Write(s_isProgressShown ? EraseLine + text : text);
            s_error.Flush();
            s_isProgressShown = isProgress;
        }
    }

    private static StreamWriter Open(Stream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
}
