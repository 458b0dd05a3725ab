using System.Text;
using Lkm.Kernel.Shell.Commands;

namespace Lkm.Kernel.Tests.Shell;

public sealed class TextCommandTests : IDisposable
{
    private readonly ShellFixture _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("echo a  b", "a b\n")]
    [InlineData("echo -n a", "a")]
    [InlineData("echo -e 'a\\tb\\x41\\0102\\n'", "a\tbAB\n\n")]
    [InlineData("echo -e 'a\\cb'", "a")]
    [InlineData("echo -ne '\\q'", "\\q")]
    [InlineData("echo -x", "-x\n")]
    [InlineData("echo -e -E '\\n'", "\\n\n")]
    public void Echo(string line, string output) => Assert.Equal(output, _shell.Output(line));

    [Theory]
    [InlineData("head -n 2", "1\n2\n")]
    [InlineData("head -2", "1\n2\n")]
    [InlineData("head -c 3", "1\n2")]
    [InlineData("head -n 0", "")]
    [InlineData("tail -n 2", "4\n5\n")]
    [InlineData("tail -n +4", "4\n5\n")]
    [InlineData("tail -c 3", "\n5\n")]
    [InlineData("tail -c +9", "5\n")]
    [InlineData("tail -n 0", "")]
    [InlineData("tail -n 99", "1\n2\n3\n4\n5\n")]
    [InlineData("wc -l", "5\n")]
    [InlineData("wc -c", "10\n")]
    [InlineData("wc", "        5         5        10\n")]
    [InlineData("grep [24]", "2\n4\n")]
    [InlineData("grep -v '[24]'", "1\n3\n5\n")]
    [InlineData("grep -c .", "5\n")]
    [InlineData("grep -n 3", "3:3\n")]
    [InlineData("grep -E '^(1|5)$'", "1\n5\n")]
    [InlineData("grep '^\\(1\\|5\\)$'", "1\n5\n")]
    [InlineData("grep -e 1 -e 2", "1\n2\n")]
    public void Lines(string line, string output) => Assert.Equal(output, _shell.Output(line, "1\n2\n3\n4\n5\n"u8.ToArray()));

    [Theory]
    [InlineData("a.b", "a.b\n")]
    [InlineData("-F a.b", "a.b\n")]
    [InlineData("-F '.'", "a.b\n")]
    [InlineData("-i A.B", "a.b\n")]
    [InlineData("-o '[ab]'", "a\nb\n")]
    [InlineData("a+b", "")]
    [InlineData("-E 'a.+b'", "a.b\n")]
    [InlineData("-w a", "a.b\n")]
    [InlineData("-x a", "")]
    [InlineData("-q a", "")]
    public void Grep(string arguments, string output) => Assert.Equal(output, _shell.Run("grep " + arguments, "a.b\nc\n"u8.ToArray()).Output);

    [Theory]
    [InlineData("s/a/x/", "xlpha\nbetx\ngxmma\n")]
    [InlineData("s/a/x/g", "xlphx\nbetx\ngxmmx\n")]
    [InlineData("s/a/x/2", "alphx\nbeta\ngammx\n")]
    [InlineData("'s/[^a]*\\(.\\)a$/<&|\\1>/'", "a<lpha|h>\n<beta|t>\nga<mma|m>\n")]
    [InlineData("-E 's#(l|t)+#\\n#'", "a\npha\nbe\na\ngamma\n")]
    [InlineData("-n 2p", "beta\n")]
    [InlineData("-n '$p'", "gamma\n")]
    [InlineData("-n '/^b/,$p'", "beta\ngamma\n")]
    [InlineData("-n '2,1p'", "beta\n")]
    [InlineData("'2!d'", "beta\n")]
    [InlineData("2q", "alpha\nbeta\n")]
    [InlineData("-n -e '/m/=' -e 's/B/c/Ip'", "ceta\n3\n")]
    [InlineData("'1d;3d'", "beta\n")]
    public void Sed(string arguments, string output) => Assert.Equal(output, _shell.Output("sed " + arguments, "alpha\nbeta\ngamma\n"u8.ToArray()));

    [Fact]
    public void Any_script_of_sed_is_one_or_is_refused()
    {
        const string letters = "s/a.*[]()\\|1,$!pdq=;g&^ ";
        var random = new System.Random(7);
        for (var i = 0; i < 2_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(12)).Select(_ => letters[random.Next(letters.Length)])]);
            try
            {
                var run = SedScript.Parse(text, isExtended: i % 2 == 0).Start(_ => { }, isSilent: false);
                run.Take("aa.a", isLast: false);
                run.Take("", isLast: true);
            }
            catch (Exception e) when (e is FormatException or System.Text.RegularExpressions.RegexParseException or NotSupportedException)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Fact]
    public void Grep_says_by_its_status_what_it_found()
    {
        Assert.Equal(1, _shell.Run("grep x", "a\n"u8.ToArray()).Status);
        Assert.Equal(2, _shell.Run("grep x /no/file").Status);
        Assert.Equal(2, _shell.Run("grep -E '('").Status);
        File.WriteAllText(_shell.Folder + "/f", "x\n");
        Assert.Equal(_shell.At("@/f:x\n@/f:x\n"), _shell.Output("grep x @/f @/f"));
        Assert.Equal(_shell.At("@/f\n"), _shell.Output("grep -l x @/f"));
    }

    [Fact]
    public void Any_pattern_is_one_or_is_refused()
    {
        const string letters = "ab.*[]()\\|{}1,^$+?-:";
        var random = new System.Random(5);
        for (var i = 0; i < 3_000; i++)
        {
            var pattern = string.Concat(Enumerable.Range(0, random.Next(10)).Select(_ => letters[random.Next(letters.Length)]));
            _ = PosixPattern.ToExtended(pattern);
            Assert.InRange(_shell.Run($"grep {(i % 2 == 0 ? "-E " : "")}-e '{pattern}'", "aab\n"u8.ToArray()).Status, 0, 2);
        }
    }

    [Fact]
    public void Several_files_have_titles()
    {
        File.WriteAllText(_shell.Folder + "/f", "x\n");
        Assert.Equal(_shell.At("==> @/f <==\nx\n\n==> @/f <==\nx\n"), _shell.Output("head @/f @/f"));
        Assert.Equal(_shell.At("1 @/f\n1 @/f\n2 total\n"), _shell.Output("wc -l @/f @/f"));
    }

    [Fact]
    public void Tee_copies()
    {
        Assert.Equal("x", _shell.Output("echo -n x | tee @/f @/g"));
        Assert.Equal("x", _shell.Output("cat @/g"));
        Assert.Equal("tee: /no/file: No such file or directory\n", _shell.Run("tee /no/file").Errors);
    }

    [Fact]
    public void Hexdump_prints_the_canonical_format()
    {
        var bytes = new byte[70];
        "Hello, World!\n"u8.CopyTo(bytes);
        bytes[69] = 0xff;
        const string expected = """
            00000000  48 65 6c 6c 6f 2c 20 57  6f 72 6c 64 21 0a 00 00  |Hello, World!...|
            00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
            *
            00000040  00 00 00 00 00 ff                                 |......|
            00000046

            """;
        Assert.Equal(expected, _shell.Output("hexdump -C", bytes));
        Assert.Equal("", _shell.Output("hexdump -C", []));
        Assert.Equal("00000005  2c 20                                             |, |\n00000007\n", _shell.Output("hexdump -C -s 5 -n 2", bytes));
        Assert.Equal("00000000  61 62                                             |ab|\n00000002\n", _shell.Output("hexdump -C", "ab"u8.ToArray()));
    }

    /// <summary>What busybox 1.35 prints for these bytes.</summary>
    [Theory]
    [InlineData("od", "0000000 062550 066154 020157 067567 066162 005144 061141 000143\n0000020 001001 072377 064541 020154 074542 062564 000163\n0000035\n")]
    [InlineData("od -A x -t x1", "000000 68 65 6c 6c 6f 20 77 6f 72 6c 64 0a 61 62 63 00\n000010 01 02 ff 74 61 69 6c 20 62 79 74 65 73\n00001d\n")]
    [InlineData("od -Ad -tx4", "0000000 6c6c6568 6f77206f 0a646c72 00636261\n0000016 74ff0201 206c6961 65747962 00000073\n0000029\n")]
    [InlineData("od -An -tx8", " 6f77206f6c6c6568 006362610a646c72\n 206c696174ff0201 0000007365747962\n")]
    [InlineData("od -c", "0000000   h   e   l   l   o       w   o   r   l   d  \\n   a   b   c  \\0\n0000020 001 002 377   t   a   i   l       b   y   t   e   s\n0000035\n")]
    [InlineData("od -x", "0000000 6568 6c6c 206f 6f77 6c72 0a64 6261 0063\n0000020 0201 74ff 6961 206c 7962 6574 0073\n0000035\n")]
    [InlineData("od -An -tx1 -w24", " 68 65 6c 6c 6f 20 77 6f 72 6c 64 0a 61 62 63 00 01 02 ff 74 61 69 6c 20\n 62 79 74 65 73\n")]
    [InlineData("od -An -x -w6 -N8", " 6568 6c6c 206f\n 6f77\n")]
    [InlineData("od -An -tx1 -N5 -j3", " 6c 6f 20 77 6f\n")]
    [InlineData("od -A x -t x1 -N 4", "000000 68 65 6c 6c\n000004\n")]
    [InlineData("od -An -td4", "  1819043176  1870078063   174353522     6513249\n  1962869249   543975777  1702132066         115\n")]
    [InlineData("od -An -tu1 -j16", "   1   2 255 116  97 105 108  32  98 121 116 101 115\n")]
    [InlineData("od -An -td1 -j16 -N3", "    1    2   -1\n")]
    [InlineData("od -b -N2", "0000000 150 145\n0000002\n")]
    [InlineData("od -d -j20", "0000024 26977  8300 31074 25972   115\n0000035\n")]
    [InlineData("od -Ax -tx1 -tc -N2", "000000 68 65\n         h   e\n000002\n")]
    [InlineData("xxd", "00000000: 6865 6c6c 6f20 776f 726c 640a 6162 6300  hello world.abc.\n00000010: 0102 ff74 6169 6c20 6279 7465 73         ...tail bytes\n")]
    [InlineData("xxd -p", "68656c6c6f20776f726c640a616263000102ff7461696c206279746573\n")]
    [InlineData("xxd -l 5", "00000000: 6865 6c6c 6f                             hello\n")]
    [InlineData("xxd -s 3 -l 20", "00000003: 6c6f 2077 6f72 6c64 0a61 6263 0001 02ff  lo world.abc....\n00000013: 7461 696c                                tail\n")]
    [InlineData("xxd -g 1 -l 3", "00000000: 68 65 6c                                         hel\n")]
    [InlineData("xxd -c 8 -l 9", "00000000: 6865 6c6c 6f20 776f  hello wo\n00000008: 72                   r\n")]
    public void Bytes_are_printed_as_busybox_does(string line, string output) =>
        Assert.Equal(output, _shell.Output(line, [.. "hello world\nabc\0\u0001\u0002"u8, 0xff, .. "tail bytes"u8]));

    [Fact]
    public void Rows_that_repeat_are_a_star_for_od_and_lines_of_thirty_for_plain_xxd()
    {
        Assert.Equal("0000000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n*\n0000100\n", _shell.Output("od -t x1", new byte[64]));
        Assert.Equal(5, _shell.Output("od -v -t x1", new byte[64]).Count(c => c == '\n'));
        Assert.Equal($"{new string('0', 60)}\n{new string('0', 20)}\n", _shell.Output("xxd -p", new byte[40]));
        Assert.Equal("od: can't skip past end of combined input\n", _shell.Errors("od -j 1 /dev/null"));
        Assert.Equal("od: invalid character 'q' in type string 'q'\n", _shell.Errors("od -t q /dev/null"));
        Assert.Equal("xxd: /no/x: No such file or directory\n", _shell.Errors("xxd /no/x"));
    }

    [Fact]
    public void Hexdump_prints_words() =>
        Assert.Equal("0000000 6261 0063                              \n0000003\n", _shell.Output("hexdump", "abc"u8.ToArray()));

    [Fact]
    public void Dd_copies_blocks_and_counts_them()
    {
        File.WriteAllText(_shell.Folder + "/f", "0123456789");
        Assert.Equal(new LineResult(0, "4567", "1+0 records in\n1+0 records out\n"), _shell.Run("dd if=@/f bs=4 skip=1 count=1"));
        Assert.Equal("2+1 records in\n2+1 records out\n", _shell.Run("dd if=@/f of=@/g bs=4 seek=1").Errors);
        Assert.Equal("\0\0\0\00123456789", File.ReadAllText(_shell.Folder + "/g"));
        _shell.Run("echo -n ab | dd of=@/g conv=notrunc");
        Assert.Equal("ab\0\00123456789", File.ReadAllText(_shell.Folder + "/g"));
        Assert.Equal("dd: can't open '/no/file': No such file or directory\n", _shell.Errors("dd if=/no/file"));
        Assert.Equal("dd: invalid number 'x'\n", _shell.Errors("dd bs=x"));
    }

    [Fact]
    public void Dd_makes_one_call_for_a_block_of_any_size()
    {
        var bytes = new byte[200_000];
        new System.Random(6).NextBytes(bytes);
        File.WriteAllBytes(_shell.Folder + "/f", bytes);
        Assert.Equal("1+0 records in\n1+0 records out\n", _shell.Run("dd if=@/f of=@/g bs=200000 count=1").Errors);
        Assert.Equal(bytes, File.ReadAllBytes(_shell.Folder + "/g"));
    }

    [Fact]
    public void Cat_passes_every_byte()
    {
        var bytes = Enumerable.Range(0, 256).Select(b => (byte)b).ToArray();
        Assert.Equal(Encoding.Latin1.GetString(bytes), _shell.Output("cat | cat - ", bytes));
        Assert.Equal("cat: read error: Is a directory\n", _shell.Errors("cat @"));
    }
}
