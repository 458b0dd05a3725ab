namespace Lkm.Cli.CommandLine;

/// <summary>Commands that help lists together.</summary>
/// <param name="Heading">The line above them.</param>
/// <param name="Names">Their names.</param>
internal sealed record CommandGroup(string Heading, IReadOnlyList<string> Names);
