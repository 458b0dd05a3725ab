namespace Lkm.Cli.CommandLine;

/// <summary>What the program's exit codes mean.</summary>
internal static class ExitCode
{
    /// <summary>What was asked was done.</summary>
    public const int Done = 0;

    /// <summary>What was asked failed: a module did not load.</summary>
    public const int Failed = 1;

    /// <summary>The arguments cannot be used.</summary>
    public const int Misused = 2;
}
