namespace Lkm.Cli.Editing;

/// <summary>A terminal that a line is edited on.</summary>
internal interface ITerminal
{
    /// <summary>Columns of a line.</summary>
    int Width { get; }

    /// <summary>Waits for a key. Ctrl-C is one.</summary>
    ConsoleKeyInfo ReadKey();

    /// <summary>Writes text and escape sequences (ECMA-48).</summary>
    void Write(string text);
}

/// <summary>The terminal that the program runs on.</summary>
internal sealed class ConsoleTerminal : ITerminal
{
    /// <inheritdoc/>
    public int Width => Console.WindowWidth > 0 ? Console.WindowWidth : 80;

    /// <inheritdoc/>
    public ConsoleKeyInfo ReadKey()
    {
        Console.TreatControlCAsInput = true;
        try
        {
            return Console.ReadKey(intercept: true);
        }
        finally
        {
            Console.TreatControlCAsInput = false; // while a command runs, it is a signal
        }
    }

    /// <inheritdoc/>
    public void Write(string text) => Console.Out.Write(text);
}
