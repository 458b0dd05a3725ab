namespace Lkm.Cli.Tests;

/// <summary>
/// How long to wait for another process. Where everything is translated before it runs (LKM_ENGINE=translator) a kernel's commands take many times as
/// long.
/// </summary>
internal static class Patience
{
    private static readonly int s_factor = Environment.GetEnvironmentVariable("LKM_ENGINE") == "translator" ? 30 : 1;

    /// <summary>So many milliseconds on a machine that does nothing else.</summary>
    public static int Milliseconds(int usual) => usual * s_factor;

    /// <summary>So many seconds, for the command line.</summary>
    public static string Seconds(int usual) => $"{usual * s_factor}";

    /// <summary>The seconds that a task may keep the processor for, as `lkm boot --stuck` takes them: more than any that does its work.</summary>
    public static string Stuck => Seconds(2);
}
