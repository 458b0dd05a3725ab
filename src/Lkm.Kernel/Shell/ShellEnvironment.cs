namespace Lkm.Kernel.Shell;

/// <summary>The environment that programs are started with.</summary>
internal static class ShellEnvironment
{
    /// <summary>Each as NAME=VALUE.</summary>
    public static IReadOnlyList<string> Variables { get; } = ["HOME=/root", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "TERM=linux"];

    /// <summary>The variables of an environment.</summary>
    public static Dictionary<string, string> Parse(IReadOnlyList<string> environment)
    {
        var variables = new Dictionary<string, string>(environment.Count);
        foreach (var text in environment)
        {
            if (text.IndexOf('=') is > 0 and var equals)
                variables[text[..equals]] = text[(equals + 1)..];
        }

        return variables;
    }
}
