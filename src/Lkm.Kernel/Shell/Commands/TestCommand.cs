using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>test and [: expressions about files, strings and numbers (POSIX.1-2017, test).</summary>
internal sealed class TestCommand
{
    private const int Misuse = 2;

    private readonly CommandContext _c;
    private readonly List<string> _words;
    private int _at;
    private string? _problem;

    private TestCommand(CommandContext c, List<string> words)
    {
        _c = c;
        _words = words;
    }

    public static async GuestTask<int> Run(CommandContext c)
    {
        var words = c.Arguments;
        if (c.Name == "[")
        {
            if (words is not [.., "]"])
            {
                await c.Complain("missing ]");
                return Misuse;
            }

            words = words[..^1];
        }

        if (words.Count == 0)
            return 1;
        var test = new TestCommand(c, words);
        var result = await test.Or();
        if (test._problem is null && test._at < words.Count)
            test._problem = $"{words[test._at]}: unknown operand";
        if (test._problem is null)
            return result ? 0 : 1;
        await c.Complain(test._problem);
        return Misuse;
    }

    private string? Peek(int ahead = 0) => _at + ahead < _words.Count ? _words[_at + ahead] : null;

    private async GuestTask<bool> Or()
    {
        var result = await And();
        while (Peek() == "-o" && _problem is null)
        {
            _at++;
            result |= await And();
        }

        return result;
    }

    private async GuestTask<bool> And()
    {
        var result = await Not();
        while (Peek() == "-a" && _problem is null)
        {
            _at++;
            result &= await Not();
        }

        return result;
    }

    private async GuestTask<bool> Not()
    {
        if (Peek() == "!" && Peek(1) is not null && !IsBinary(Peek(1)))
        {
            _at++;
            return !await Not();
        }

        return await Primary();
    }

    private async GuestTask<bool> Primary()
    {
        if (Peek() is not { } word)
        {
            _problem ??= "argument expected";
            return false;
        }

        if (IsBinary(Peek(1)) && Peek(2) is { } right)
        {
            _at += 3;
            return Compare(word, _words[_at - 2], right);
        }

        if (word == "(" && Peek(1) is not null)
        {
            _at++;
            var inner = await Or();
            if (Peek() != ")")
                _problem ??= "closing paren expected";
            _at++;
            return inner;
        }

        _at++;
        if (word is not ['-', var letter] || Peek() is not { } operand || !"efdcbpLhSsrwxnz".Contains(letter))
            return word.Length > 0;
        _at++;
        return letter switch
        {
            'n' => operand.Length > 0,
            'z' => operand.Length == 0,
            _ => await File(letter, operand),
        };
    }

    private static bool IsBinary(string? word) => word is "=" or "==" or "!=" or "-eq" or "-ne" or "-lt" or "-le" or "-gt" or "-ge";

    private bool Compare(string left, string op, string right)
    {
        if (op is "=" or "==")
            return left == right;
        if (op == "!=")
            return left != right;
        if (!TryNumber(left, out var a) || !TryNumber(right, out var b))
            return false;
        return op switch
        {
            "-eq" => a == b,
            "-ne" => a != b,
            "-lt" => a < b,
            "-le" => a <= b,
            "-gt" => a > b,
            _ => a >= b,
        };
    }

    private bool TryNumber(string text, out long number)
    {
        var isNumber = long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out number);
        if (!isNumber)
            _problem ??= $"{text}: bad number";
        return isNumber;
    }

    private async GuestTask<bool> File(char letter, string path)
    {
        if (letter is 'r' or 'w' or 'x')
        {
            const ulong readOk = 4, writeOk = 2, executeOk = 1;
            return await _c.Files.CallPath("access", path, letter switch { 'r' => readOk, 'w' => writeOk, _ => executeOk }) == Errno.OK;
        }

        var (stat, error) = await _c.Files.Stat(path, follow: letter is not ('L' or 'h'));
        return error == Errno.OK && letter switch
        {
            'f' => stat.Type == FileType.Regular,
            'd' => stat.Type == FileType.Directory,
            'c' => stat.Type == FileType.CharacterDevice,
            'b' => stat.Type == FileType.BlockDevice,
            'p' => stat.Type == FileType.Pipe,
            'S' => stat.Type == FileType.Socket,
            'L' or 'h' => stat.Type == FileType.Link,
            's' => stat.Size > 0,
            _ => true,
        };
    }
}
