using System.Globalization;

namespace Lkm.Cli.CommandLine;

/// <summary>How messages put things.</summary>
internal static class Wording
{
    /// <summary>A number of things: "1 module", "2 modules".</summary>
    /// <param name="number">How many.</param>
    /// <param name="noun">What one of them is called.</param>
    public static string Count(int number, string noun) => string.Create(CultureInfo.InvariantCulture, $"{number} {noun}{(number == 1 ? "" : "s")}");
}
