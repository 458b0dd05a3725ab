namespace Lkm.Cli.CommandLine;

/// <summary>An option of a command.</summary>
/// <param name="Name">With its dashes: <c>--kernel</c>.</param>
/// <param name="Value">What stands for its value in help; null for a switch.</param>
/// <param name="Help">One line.</param>
internal sealed record CommandOption(string Name, string? Value, string Help);
