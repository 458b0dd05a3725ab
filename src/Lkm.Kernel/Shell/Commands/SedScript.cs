using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>
/// A script of sed: commands s, p, d, q and =, each with no, one or two addresses (a line's number, $ or /PATTERN/), and ! for all other lines.
/// </summary>
internal sealed class SedScript
{
    private readonly List<Command> _commands = [];

    /// <summary>Reads a script: commands between semicolons or newlines.</summary>
    /// <exception cref="FormatException">It has a command that is not known here, or one without its end.</exception>
    /// <exception cref="RegexParseException">A pattern is none.</exception>
    public static SedScript Parse(string text, bool isExtended)
    {
        var script = new SedScript();
        var reader = new Reader(text, isExtended);
        while (reader.SkipTo() is not '\0')
            script._commands.Add(reader.Command());
        return script;
    }

    /// <summary>Begins with the first line.</summary>
    /// <param name="print">Told of each line of output.</param>
    /// <param name="isSilent">Whether lines are printed by the command p alone.</param>
    public Execution Start(Action<string> print, bool isSilent) => new(_commands, print, isSilent);

    /// <summary>What chooses a line; one of the three.</summary>
    internal sealed record Address(long Line, bool IsLast, Regex? Pattern)
    {
        public bool Matches(string text, long number, bool isLast) =>
            Pattern?.IsMatch(text) ?? (IsLast ? isLast : Line == number);
    }

    /// <summary>A command, and for s what it replaces by what: which occurrence first (from 1), whether all behind it too, whether to print.</summary>
    internal sealed record Command(char Letter, Address? First, Address? Last, bool IsInverted)
    {
        public Regex? Pattern { get; init; }

        public string Replacement { get; init; } = "";

        public int Occurrence { get; init; } = 1;

        public bool IsGlobal { get; init; }

        public bool Prints { get; init; }
    }

    /// <summary>A script at work.</summary>
    internal sealed class Execution(List<Command> commands, Action<string> print, bool isSilent)
    {
        private readonly bool[] _isInRange = new bool[commands.Count];
        private long _number;

        /// <summary>Whether q has been met: no more lines.</summary>
        public bool HasQuit { get; private set; }

        /// <summary>Works on a line.</summary>
        public void Take(string text, bool isLast)
        {
            _number++;
            for (var i = 0; i < commands.Count; i++)
            {
                var command = commands[i];
                if (Chooses(i, text, isLast) == command.IsInverted)
                    continue;
                switch (command.Letter)
                {
                    case 'd':
                        return;
                    case 'p':
                        print(text);
                        break;
                    case '=':
                        print(_number.ToString(CultureInfo.InvariantCulture));
                        break;
                    case 'q':
                        HasQuit = true;
                        i = commands.Count;
                        break;
                    default:
                        var changed = Substitute(command, text, out var any);
                        text = changed;
                        if (any && command.Prints)
                            print(text);
                        break;
                }
            }

            if (!isSilent)
                print(text);
        }

        private bool Chooses(int index, string text, bool isLast)
        {
            var command = commands[index];
            if (command.First is not { } first)
                return true;
            if (command.Last is not { } last)
                return first.Matches(text, _number, isLast);
            if (_isInRange[index])
            {
                // A range that ends at a line which has gone by is one line long.
                _isInRange[index] = !last.Matches(text, _number, isLast) && (last.Pattern is not null || last.IsLast || last.Line > _number);
                return last.Pattern is not null || last.IsLast || last.Line >= _number;
            }

            if (!first.Matches(text, _number, isLast))
                return false;
            _isInRange[index] = last.Pattern is not null || last.IsLast || last.Line > _number;
            return true;
        }

        private static string Substitute(Command command, string text, out bool any)
        {
            var found = 0;
            var replaced = false;
            var result = command.Pattern!.Replace(text, match =>
            {
                if (++found < command.Occurrence || (found > command.Occurrence && !command.IsGlobal))
                    return match.Value;
                replaced = true;
                return Expand(command.Replacement, match);
            });
            any = replaced;
            return result;
        }

        /// <summary>&amp; is the match, \1 to \9 its groups, \n a newline.</summary>
        private static string Expand(string replacement, Match match)
        {
            var text = new StringBuilder();
            for (var i = 0; i < replacement.Length; i++)
            {
                var c = replacement[i];
                if (c == '&')
                    text.Append(match.Value);
                else if (c != '\\' || i + 1 == replacement.Length)
                    text.Append(c);
                else if (char.IsAsciiDigit(replacement[++i]))
                    text.Append(match.Groups[replacement[i] - '0'].Value);
                else
                    text.Append(replacement[i] switch { 'n' => '\n', 't' => '\t', var other => other });
            }

            return text.ToString();
        }
    }

    private sealed class Reader(string text, bool isExtended)
    {
        private int _at;

        /// <summary>Skips what is between commands; the next character, or NUL at the end.</summary>
        public char SkipTo()
        {
            while (Peek() is ';' or '\n' or ' ' or '\t')
                _at++;
            return Peek();
        }

        public Command Command()
        {
            var first = Address();
            Address? last = null;
            if (first is not null && Peek() == ',')
            {
                _at++;
                last = Address() ?? throw new FormatException("unexpected ,");
            }

            SkipBlanks();
            var isInverted = Peek() == '!';
            if (isInverted)
                _at++;
            SkipBlanks();
            var letter = Peek();
            _at++;
            var command = letter switch
            {
                's' => Substitution(new Command(letter, first, last, isInverted)),
                'p' or 'd' or 'q' or '=' => new Command(letter, first, last, isInverted),
                '\0' => throw new FormatException("missing command"),
                _ => throw new FormatException($"unsupported command {letter}"),
            };
            SkipBlanks();
            return Peek() is ';' or '\n' or '\0' ? command : throw new FormatException($"unknown option to {letter}");
        }

        private char Peek() => _at < text.Length ? text[_at] : '\0';

        private void SkipBlanks()
        {
            while (Peek() is ' ' or '\t')
                _at++;
        }

        private Address? Address()
        {
            switch (Peek())
            {
                case '$':
                    _at++;
                    return new Address(0, true, null);
                case '/':
                    return new Address(0, false, PosixPattern.Compile(Delimited('/'), isExtended, ignoreCase: false));
                case >= '0' and <= '9':
                    return new Address(Number(), false, null);
                default:
                    return null;
            }
        }

        private int Number()
        {
            var start = _at;
            while (char.IsAsciiDigit(Peek()))
                _at++;
            return int.TryParse(text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new FormatException("a number is too great");
        }

        private Command Substitution(Command command)
        {
            var delimiter = Peek();
            var pattern = Delimited(delimiter);
            _at--; // one delimiter ends the pattern and begins the replacement
            var replacement = Delimited(delimiter);
            bool isGlobal = false, prints = false, ignoresCase = false;
            var occurrence = 1;
            for (; ; _at++)
            {
                switch (Peek())
                {
                    case 'g':
                        isGlobal = true;
                        break;
                    case 'p':
                        prints = true;
                        break;
                    case 'i' or 'I':
                        ignoresCase = true;
                        break;
                    case >= '1' and <= '9':
                        occurrence = Number();
                        _at--;
                        break;
                    default:
                        return command with
                        {
                            Pattern = PosixPattern.Compile(pattern, isExtended, ignoresCase),
                            Replacement = replacement,
                            Occurrence = occurrence,
                            IsGlobal = isGlobal,
                            Prints = prints,
                        };
                }
            }
        }

        /// <summary>What is between two delimiters; behind a backslash, a delimiter is the character itself.</summary>
        private string Delimited(char delimiter)
        {
            var part = new StringBuilder();
            for (_at++; _at < text.Length && text[_at] != delimiter; _at++)
            {
                if (text[_at] == '\\' && _at + 1 < text.Length)
                {
                    _at++;
                    if (text[_at] != delimiter)
                        part.Append('\\');
                }

                part.Append(text[_at]);
            }

            if (_at >= text.Length)
                throw new FormatException($"unterminated {delimiter}");
            _at++;
            return part.ToString();
        }
    }
}
