using Lkm.Kernel.Shell.Awk;

namespace Lkm.Kernel.Tests.Shell;

public sealed class AwkTests : IDisposable
{
    private readonly ShellFixture _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("{print $1}", "a\nb\nc\n")]
    [InlineData("$2 > 5 {print $1, NR}", "b 2\nc 3\n")]
    [InlineData("/^b/", "b 20 y\n")]
    [InlineData("!/^b/ {print $NF}", "x\nz\n")]
    [InlineData("NR==2,NR==3 {print $1}", "b\nc\n")]
    [InlineData("{s += $2} END {print s, s/NR}", "35 11.6667\n")]
    [InlineData("BEGIN {printf \"%5.2f|%-4s|%04d|%x\\n\", 3.14159, \"ab\", 42, 255}", " 3.14|ab  |0042|ff\n")]
    [InlineData("BEGIN {print 1 2, 1+2*3^2, -2^2, 7%3, 1e3, 0.1+0.2}", "12 19 -4 1 1000 0.3\n")]
    [InlineData("BEGIN {print 1==1.0, \"a\"<\"b\", \"10\"<\"9\", 10<9, !x, x == 0, x == \"\"}", "1 1 1 0 1 1 1\n")]
    [InlineData("{n[$3]=$2} END {for (k in n) t += n[k]; print t, length(n), (\"x\" in n), (\"q\" in n)}", "35 3 1 0\n")]
    [InlineData("BEGIN {for (i=0; i<5; i++) {if (i==1) continue; if (i==4) break; printf i \" \"}; print \"\"}", "0 2 3 \n")]
    [InlineData("BEGIN {while (i<3) i++; do i--; while (i>1); print i}", "1\n")]
    [InlineData("BEGIN {print length(\"four\"), substr(\"hello\",2,3), index(\"hello\",\"l\"), toupper(\"a\"), sprintf(\"%03d\",7)}", "4 ell 3 A 007\n")]
    [InlineData("BEGIN {n=split(\"a:b:c\",p,\":\"); print n, p[1] p[3]; print match(\"foobar\",/o+/), RSTART, RLENGTH}", "3 ac\n2 2 2\n")]
    [InlineData("BEGIN {print substr(\"hello\",0,3), substr(\"hello\",-1), index(\"abc\",\"\"), 2^53}", "hel hello 0 9007199254740992\n")] // as busybox
    [InlineData("BEGIN {split(\"0x10 020 009 0 00.5\", n, \" \"); print n[1]+0, n[2]+0, n[3]+0, n[4]+0, n[5]+0, n[1]==16}", "16 16 9 0 0.5 1\n")]
    [InlineData("{gsub(/[0-9]/,\"<&>\"); print; exit 3}", "a <5> x\n")]
    [InlineData("{$2=\"\"; print; next; print \"no\"}", "a  x\nb  y\nc  z\n")]
    [InlineData("BEGIN {OFS=\"-\"} {$1=$1; print} END {print NR > 1 ? \"many\" : \"one\"}", null)]
    [InlineData("BEGIN {OFS=\"-\"} {$1=$1} 1", "a-5-x\nb-20-y\nc-10-z\n")]
    [InlineData("$3 ~ \"x|z\" {c++} END {print c+0; delete n; print (1,2) in n}", null)]
    [InlineData("$1 ~ /[ab]/ && $2 >= 5 || 0 { print $1 \":\" $2 }", "a:5\nb:20\n")]
    [InlineData("BEGIN { x[\"a\",1] = 5; print x[\"a\",1]; print(1)(2) }", "5\n12\n")]
    [InlineData("BEGIN { print length() }\nEND { # a comment\n print $0 \\\n \"!\" }", "0\nc 10 z!\n")]
    public void A_program_does_what_it_does_elsewhere(string program, string? output)
    {
        var result = _shell.Run($"awk '{program}'", "a 5 x\nb 20 y\nc 10 z\n"u8.ToArray());
        if (output is null)
            Assert.NotEqual("", result.Errors);
        else
            Assert.Equal((output, ""), (result.Output, result.Errors));
    }

    [Theory]
    [InlineData("awk -F: '{print $2}'", "b,c\n")]
    [InlineData("awk -F '[:,]' -v x=3 '{print $x, NF}'", "c 4\n")]
    [InlineData("awk -v t='\\t' '{print t \"|\"}'", "\t|\n")]
    public void Options(string line, string output) => Assert.Equal(output, _shell.Output(line, "a:b,c:d\n"u8.ToArray()));

    [Theory]
    [InlineData("{print", "unexpected end of the program")]
    [InlineData("BEGIN {getline x}", "getline is not supported")]
    [InlineData("BEGIN {print 1 > \"f\"}", "printing to files and pipes (>) is not supported")]
    [InlineData("function f(x) {return x}", "functions of one's own are not supported")]
    [InlineData("BEGIN {print 1/0}", "Division by zero")]
    [InlineData("BEGIN {print nothing(1)}", "there is no function nothing")]
    [InlineData("/[/", "a pattern has no end")]
    public void What_is_wrong_or_not_supported_is_said(string program, string message) =>
        Assert.Equal($"awk: {message}\n", _shell.Run($"awk '{program}'", []).Errors);

    [Fact]
    public void Any_text_is_a_program_or_an_error()
    {
        var random = new System.Random(1);
        string[] parts = ["{", "}", "(", ")", "$", "1", "NF", "\"a\"", "/b/", "print", "if", "else", "while", "(i++<9)", "for", "in", "+", "=", "~", ";", "\n", ",", "[", "]", "!", "-", "x", "length", "gsub"];
        for (var i = 0; i < 20_000; i++)
        {
            var program = string.Join(' ', Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            try
            {
                AwkParser.Parse(program);
            }
            catch (AwkException)
            {
            }
        }

        Assert.Throws<AwkException>(() => AwkParser.Parse("BEGIN {print " + new string('(', 100_000)));
        Assert.Throws<AwkException>(() => AwkParser.Parse("BEGIN {print " + new string('!', 100_000)));
        Assert.Throws<AwkException>(() => AwkParser.Parse("BEGIN {print " + new string('$', 100_000)));
    }
}
