namespace Lkm.Cli.CommandLine;

/// <summary>What was given to a command.</summary>
/// <param name="Operands">What is no option, in order.</param>
/// <param name="Options">Options in order, with their values; switches have none.</param>
internal sealed record Arguments(IReadOnlyList<string> Operands, IReadOnlyList<(string Name, string? Value)> Options)
{
    /// <summary>The operands behind the first ones, separated by spaces: parameters of a module.</summary>
    /// <param name="first">How many come before them.</param>
    public string OperandsBehind(int first) => Operands.Count == first ? "" : string.Join(' ', Operands.Skip(first));

    /// <summary>Whether an option was given.</summary>
    public bool Has(string name)
    {
        foreach ((string given, _) in Options)
        {
            if (given == name)
                return true;
        }
        return false;
    }

    /// <summary>The last value given to an option; null when it was not.</summary>
    public string? Value(string name)
    {
        string? value = null;
        foreach ((string given, string? text) in Options)
            value = given == name ? text : value;
        return value;
    }

    /// <summary>All values given to an option that repeats.</summary>
    public List<string> Values(string name)
    {
        var values = new List<string>();
        foreach ((string given, string? text) in Options)
        {
            if (given == name)
                values.Add(text!);
        }
        return values;
    }
}
