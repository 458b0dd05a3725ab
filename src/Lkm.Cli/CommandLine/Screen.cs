using System.Text;

namespace Lkm.Cli.CommandLine;

/// <summary>Standard output and standard error. <see cref="Console"/> would look for encodings and terminals at start-up; these need neither.</summary>
internal static class Screen
{
    private const int StandardOutput = 1, StandardError = 2;

    private static StreamWriter? s_output;
    private static TextWriter? s_error;

    /// <summary>Standard output, line by line.</summary>
    public static TextWriter Output => s_output ??= Open(OpenOutput());

    private static TextWriter ErrorOutput => s_error ??= TextWriter.Synchronized(Open(new DescriptorStream(StandardError)));

    /// <summary>Standard output, for bytes; what <see cref="Output"/> holds back is not in it yet.</summary>
    public static Stream OpenOutput() => new DescriptorStream(StandardOutput);

    /// <summary>Reports a failure on one line of standard error.</summary>
    /// <returns>1, the exit code that goes with it.</returns>
    public static int Fail(string message)
    {
        Output.Flush();
        ErrorOutput.WriteLine($"lkm: {message}");
        ErrorOutput.Flush();
        return ExitCode.Failed;
    }

    /// <summary>Reports unusable arguments.</summary>
    /// <returns>2.</returns>
    public static int Misused(string message)
    {
        Fail(message);
        return ExitCode.Misused;
    }

    /// <summary>Tells what a long step is doing.</summary>
    public static void Progress(string message)
    {
        ErrorOutput.WriteLine($"lkm: {message}");
        ErrorOutput.Flush();
    }

    /// <summary>Writes out what is buffered.</summary>
    public static void Flush() => s_output?.Flush();

    private static StreamWriter Open(Stream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
}
