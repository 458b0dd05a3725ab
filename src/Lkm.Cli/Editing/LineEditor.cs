namespace Lkm.Cli.Editing;

/// <summary>
/// Reads a line from a terminal: with the cursor keys, the usual control keys (those of readline's emacs mode), the history, and completion by Tab. A
/// line that is longer than the terminal is scrolled.
/// </summary>
/// <param name="terminal">The terminal.</param>
/// <param name="history">The history.</param>
/// <param name="complete">What the last word of a text can become.</param>
internal sealed class LineEditor(ITerminal terminal, LineHistory history, Func<string, IReadOnlyList<string>> complete)
{
    private const char Escape = '\u001b';
    private const string WordEnds = " \t;|&<>";

    private string _text = "";
    private string _draft = "";
    private string _prompt = "";
    private int _cursor;
    private int _inHistory;

    /// <summary>Reads a line.</summary>
    /// <param name="prompt">What stands before it.</param>
    /// <returns>The line; empty when it was given up by Ctrl-C; null at the end of the input, Ctrl-D on an empty line.</returns>
    public string? Read(string prompt)
    {
        (_text, _draft, _cursor, _prompt) = ("", "", 0, prompt);
        _inHistory = history.Count;
        for (; ; )
        {
            Draw();
            ConsoleKeyInfo key = terminal.ReadKey();
            if (key is { Modifiers: ConsoleModifiers.Control, Key: ConsoleKey.C })
                return End("^C", "");
            if (key is { Modifiers: ConsoleModifiers.Control, Key: ConsoleKey.D } && _text.Length == 0)
                return End("", null);
            if (key.Key == ConsoleKey.Enter || key.KeyChar is '\r' or '\n')
            {
                history.Add(_text);
                return End("", _text);
            }
            Take(key);
        }
    }

    private string? End(string mark, string? result)
    {
        _cursor = _text.Length;
        Draw();
        terminal.Write(mark + "\r\n");
        return result;
    }

    private void Take(ConsoleKeyInfo key)
    {
        if (key.Modifiers == ConsoleModifiers.Control && TakeControl(key.Key))
            return;
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow:
                _cursor = Math.Max(0, _cursor - 1);
                break;
            case ConsoleKey.RightArrow:
                _cursor = Math.Min(_text.Length, _cursor + 1);
                break;
            case ConsoleKey.Home:
                _cursor = 0;
                break;
            case ConsoleKey.End:
                _cursor = _text.Length;
                break;
            case ConsoleKey.UpArrow:
                Recall(_inHistory - 1);
                break;
            case ConsoleKey.DownArrow:
                Recall(_inHistory + 1);
                break;
            case ConsoleKey.Backspace:
                Erase(_cursor - 1, _cursor);
                break;
            case ConsoleKey.Delete:
                Erase(_cursor, _cursor + 1);
                break;
            case ConsoleKey.Tab:
                Complete();
                break;
            default:
                if (!char.IsControl(key.KeyChar))
                    Insert(key.KeyChar.ToString());
                break;
        }
    }

    private bool TakeControl(ConsoleKey key)
    {
        switch (key)
        {
            case ConsoleKey.A:
                _cursor = 0;
                return true;
            case ConsoleKey.E:
                _cursor = _text.Length;
                return true;
            case ConsoleKey.B:
                _cursor = Math.Max(0, _cursor - 1);
                return true;
            case ConsoleKey.F:
                _cursor = Math.Min(_text.Length, _cursor + 1);
                return true;
            case ConsoleKey.P:
                Recall(_inHistory - 1);
                return true;
            case ConsoleKey.N:
                Recall(_inHistory + 1);
                return true;
            case ConsoleKey.D:
                Erase(_cursor, _cursor + 1);
                return true;
            case ConsoleKey.H:
                Erase(_cursor - 1, _cursor);
                return true;
            case ConsoleKey.K:
                Erase(_cursor, _text.Length);
                return true;
            case ConsoleKey.U:
                Erase(0, _cursor);
                return true;
            case ConsoleKey.W:
                Erase(StartOfWord(), _cursor);
                return true;
            case ConsoleKey.L:
                terminal.Write($"{Escape}[H{Escape}[2J");
                return true;
            default:
                return false;
        }
    }

    private void Insert(string text)
    {
        _text = _text.Insert(_cursor, text);
        _cursor += text.Length;
    }

    private void Erase(int from, int to)
    {
        (from, to) = (Math.Max(0, from), Math.Min(to, _text.Length));
        if (from >= to)
            return;
        _text = _text.Remove(from, to - from);
        _cursor = from;
    }

    /// <summary>The start of the word that the cursor stands behind, past blanks.</summary>
    private int StartOfWord()
    {
        int start = _cursor;
        while (start > 0 && _text[start - 1] == ' ')
            start--;
        while (start > 0 && _text[start - 1] != ' ')
            start--;
        return start;
    }

    /// <summary>Shows another line of the history; what was being typed is behind the last one.</summary>
    private void Recall(int index)
    {
        if (index < 0 || index > history.Count)
            return;
        if (_inHistory == history.Count)
            _draft = _text;
        _inHistory = index;
        _text = index == history.Count ? _draft : history[index];
        _cursor = _text.Length;
    }

    /// <summary>Completes the word at the cursor as far as it is clear, and lists what it can become when nothing is.</summary>
    private void Complete()
    {
        string before = _text[.._cursor];
        IReadOnlyList<string> proposals = complete(before);
        if (proposals.Count == 0)
            return;
        string word = before[(before.LastIndexOfAny(WordEnds.ToCharArray()) + 1)..];
        string common = CommonStart(proposals);
        if (proposals.Count == 1 && !common.EndsWith('/'))
            common += " ";
        if (common.Length > word.Length && common.StartsWith(word, StringComparison.Ordinal))
            Insert(common[word.Length..]);
        else if (proposals.Count > 1)
            terminal.Write("\r\n" + string.Join("  ", proposals.Select(proposal => proposal[(proposal.TrimEnd('/').LastIndexOf('/') + 1)..])) + "\r\n");
    }

    private static string CommonStart(IReadOnlyList<string> proposals)
    {
        string common = proposals[0];
        foreach (string proposal in proposals)
            common = common[..common.AsSpan().CommonPrefixLength(proposal)];
        return common;
    }

    /// <summary>Writes the line, or what fits of it around the cursor, and puts the cursor where it is.</summary>
    private void Draw()
    {
        int room = Math.Max(8, terminal.Width - _prompt.Length - 1);
        int start = Math.Max(0, _cursor - room);
        string shown = _text.Substring(start, Math.Min(room, _text.Length - start));
        int back = shown.Length - (_cursor - start);
        terminal.Write($"\r{_prompt}{shown}{Escape}[K{(back > 0 ? $"{Escape}[{back}D" : "")}");
    }
}
