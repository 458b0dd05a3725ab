using System.Text;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Tests.Shell;

public sealed class KernelShellTests : IDisposable
{
    private readonly ShellFixture _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("true && echo yes || echo no", "yes\n")]
    [InlineData("false && echo yes || echo no", "no\n")]
    [InlineData("false; echo $?", "1\n")]
    [InlineData("! false; echo $?", "0\n")]
    [InlineData("true | false; echo $?", "1\n")]
    [InlineData("false | true; echo $?", "0\n")]
    [InlineData("echo one; echo two # three", "one\ntwo\n")]
    public void Lists_follow_the_exit_status(string line, string output) => Assert.Equal(output, _shell.Run(line).Output);

    [Theory]
    [InlineData("for i in 1 2 3; do echo -n \"<$i>\"; done", "<1><2><3>")]
    [InlineData("i=0; while [ $i -lt 5 ]; do i=$((i + 1)); [ $i -eq 2 ] && continue; [ $i -eq 4 ] && break; echo $i; done", "1\n3\n")]
    [InlineData("until false; do echo once; break; done", "once\n")]
    [InlineData("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n")]
    [InlineData("x='a  b'; echo $x; echo \"$x\"; echo ${x}c", "a b\na  b\na bc\n")]
    [InlineData("x=$(echo one; echo two); echo $x", "one two\n")]
    [InlineData("echo `echo a; echo $(echo b)`", "a b\n")]
    [InlineData("x=1; (x=2; echo $x); echo $x; { x=3; }; echo $x", "2\n1\n3\n")]
    [InlineData("echo $((2 + 3 * 4)) $((0x10 << 1)) $((7 / 0)) $((-7 % 3)) $((1 == 1 && 2 < 1))", "14 32 0 -1 0\n")]
    [InlineData("echo 'a b' | while read x y; do echo $y $x; done", "b a\n")]
    [InlineData("x=$(false); echo $?; export y=5; unset y; echo \"[$y$nothing]\"", "1\n[]\n")]
    [InlineData("f=/dev/x.tar.gz; echo ${f%.*} ${f%%.*} ${f#/*/} ${f##*/} ${#f} ${f%z[k]}", "/dev/x.tar /dev/x x.tar.gz x.tar.gz 13 /dev/x.tar.gz\n")]
    [InlineData("e=; echo ${e:-a} ${e-b}. ${n-c} ${n:+d} ${e+f} ${e:+g}.", "a . c f .\n")]
    [InlineData("echo a:b:c | cut -d : -f 1,3; echo hello | cut -c 2-3; seq 3 | sort -rn | tr 1-3 a-c", "a:c\nel\nc\nb\na\n")]
    [InlineData("printf '%s=%03d\\n' a 7 b 8; printf '%x %-3s|%%' 255 z", "a=007\nb=008\nff z  |%")]
    [InlineData("printf 'a\\na\\nb\\n' | uniq -c; basename /x/y.ko .ko; dirname /x/y", "      2 a\n      1 b\ny\n/x\n")]
    [InlineData("seq 9 | grep -A1 -B1 '[37]'; seq 5 | grep -n -C1 3", "2\n3\n4\n--\n6\n7\n8\n2-2\n3:3\n4-4\n")]
    public void Scripts_run_as_in_other_shells(string line, string output) => Assert.Equal(output, _shell.Run(line).Output);

    [Fact]
    public void A_file_is_described_as_the_format_says()
    {
        _shell.Output("echo -n hello > @/f; chmod 640 @/f");
        Assert.Equal("640 5 regular file\n", _shell.Output("stat -c '%a %s %F' @/f"));
        Assert.Equal("crw-rw-rw- 1,3 100%\n", _shell.Output("stat -c '%A %t,%T 100%%' /dev/null"));
    }

    [Fact]
    public void A_line_that_is_nested_too_deeply_is_refused() =>
        Assert.Equal("sh: the line is nested too deeply\n", _shell.Errors(new string('(', 100_000)));

    [Fact]
    public void Redirections_write_append_and_read()
    {
        _shell.Output("echo one > @/f; echo two >> @/f");
        Assert.Equal("one\ntwo\n", _shell.Output("cat < @/f"));
        Assert.Equal("one\ntwo\n", File.ReadAllText(_shell.Folder + "/f"));
    }

    [Fact]
    public void Errors_go_where_output_goes_when_told_so()
    {
        Assert.Equal("cat: can't open '/no/file': No such file or directory\n", _shell.Run("cat /no/file 2>&1").Output);
        _shell.Run("cat /no/file 2> @/errors");
        Assert.StartsWith("cat: can't", File.ReadAllText(_shell.Folder + "/errors"));
    }

    [Fact]
    public void A_pipe_ends_its_writer_when_the_reader_has_enough()
    {
        Assert.Equal("4\n", _shell.Output("cat /dev/zero | head -c 4 | wc -c"));
        Assert.Equal("3\n", _shell.Output("cat /dev/zero | hexdump -v | head -n 3 | wc -l"));
    }

    [Fact]
    public void A_pipe_passes_more_than_it_holds_and_nothing_is_lost()
    {
        var bytes = new byte[300_000];
        new System.Random(3).NextBytes(bytes);
        File.WriteAllBytes(_shell.Folder + "/f", bytes);
        _shell.Output("cat @/f | dd bs=1000 status=none | cat > @/g");
        Assert.Equal(bytes, File.ReadAllBytes(_shell.Folder + "/g"));
    }

    [Fact]
    public void What_stands_before_a_pipe_runs_even_when_nobody_reads()
    {
        _shell.Output("echo made > @/f | true");
        Assert.Equal("made\n", File.ReadAllText(_shell.Folder + "/f"));
    }

    [Fact]
    public void System_calls_are_made_in_the_commands_name()
    {
        _shell.Output("cat /dev/null | tee @/f > @/g");
        Assert.Equal(["sh", "tee", "cat", "tee", "sh"], _shell.Names);
    }

    [Fact]
    public void Wildcards_become_the_paths_that_match_and_stay_without_any()
    {
        _shell.Output("touch @/b.c @/a.c @/.hidden.c @/d; mkdir @/sub; touch @/sub/x.c");
        Assert.Equal(_shell.At("@/a.c @/b.c\n"), _shell.Output("echo @/*.c"));
        Assert.Equal(_shell.At("@/sub/x.c\n"), _shell.Output("echo @/*/*.c"));
        Assert.Equal(_shell.At("@/*.none\n"), _shell.Output("echo @/*.none"));
        Assert.Equal(_shell.At("@/*.c\n"), _shell.Output("echo '@/'*'.c' | head -n 0; echo '@/*.c'"));
    }

    [Fact]
    public void Standard_input_is_the_callers() => Assert.Equal("hello", _shell.Output("cat | cat", "hello"u8.ToArray()));

    [Fact]
    public void Unknown_commands_and_lines_have_the_shells_statuses()
    {
        Assert.Equal(new LineResult(127, "", "sh: frobnicate: not found; \"help\" lists the commands\n"), _shell.Run("frobnicate"));
        Assert.Equal(new LineResult(2, "", "sh: syntax error: unexpected \"|\"\n"), _shell.Run("| a"));
        Assert.Equal("sh: can't create /no/file: nonexistent directory\n", _shell.Errors("echo > /no/file"));
        Assert.Equal("sh: can't open /no/file: no such file\n", _shell.Errors("cat < /no/file"));
    }

    [Fact]
    public void A_failed_write_is_said_and_is_a_failure() =>
        Assert.Equal("sh: write error: No space left on device\n", _shell.Errors("echo text > /dev/full"));

    [Theory]
    [InlineData("case a in b) echo no;; a) echo yes;; *) echo other;; esac", "yes\n")]
    [InlineData("case abc in (a|b) echo no;; a*c) echo yes;; esac", "yes\n")]
    [InlineData("case a in b) echo no;; *) echo other; esac", "other\n")]
    [InlineData("case 'a*' in 'a*') echo yes;; esac; case abc in 'a*') echo no;; esac", "yes\n")]
    [InlineData("x='[0-9]'; case 5 in $x) echo digit;; esac; case 5 in \"$x\") echo no;; esac", "digit\n")]
    [InlineData("x='a b'; case $x in 'a b') echo one word;; esac", "one word\n")]
    [InlineData("x='a\\b'; case $x in 'a\\b') echo backslash;; esac", "backslash\n")]
    [InlineData("case x in\n  a)\n    echo a\n    ;;\n  x)\n    echo x\n    echo y\n    ;;\nesac", "x\ny\n")]
    [InlineData("false; case a in b) ;; esac; echo $?; case a in a) false;; esac; echo $?; case a in esac; case a in a) ;; esac", "0\n1\n")]
    [InlineData("for i in 1 2 3; do case $i in 2) continue;; 3) break;; esac; echo $i; done; case a in a) echo hi;; esac | cat", "1\nhi\n")]
    [InlineData("echo $(case a in (a) echo inner;; esac)", "inner\n")]
    public void Case_runs_what_stands_behind_the_first_pattern_that_matches(string line, string output) => Assert.Equal(output, _shell.Output(line));

    [Theory]
    [InlineData("greet() { echo \"$# of you: $1, $*\"; }; greet Ada Linus; greet", "2 of you: Ada, Ada Linus\n0 of you: , \n")]
    [InlineData("n=outer; f() { local n=$1 m; while true; do n=$((n - 1)); [ $n -eq 2 ] && return 7; done; }; f 5; echo $? $n", "7 outer\n")]
    [InlineData("f() { return; echo no; }; false; f; echo $?; f() { if true; then return 3; fi; echo no; }; f | cat; f; echo $?", "1\n3\n")]
    [InlineData("set -- x 'y z' w; echo $# \"$2\" ${3} ${4:-none}; shift 2; echo $1; shift 2; echo $?", "3 y z w none\nw\n1\n")]
    [InlineData("f() { echo \"[${1-unset}] [${1:-empty}] [${00}] [${12}]\"; }; f ''; f", "[] [empty] [] []\n[unset] [empty] [] []\n")]
    [InlineData("f() { echo piped; }; f | tr a-z A-Z; echo $(f); f()\n(\n  x=2; echo $x\n)\nx=1; f; echo $x", "PIPED\npiped\n2\n1\n")]
    [InlineData("fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }; fact 6", "720\n")]
    [InlineData("cat() { echo mine; }; cat; unset -f cat; echo theirs | cat", "mine\ntheirs\n")]
    public void Functions_have_parameters_and_variables_of_their_own(string line, string output) => Assert.Equal(output, _shell.Output(line));

    [Fact]
    public void A_function_that_calls_itself_for_ever_ends() => Assert.Equal("sh: f: functions are nested too deeply\n", _shell.Errors("f() { f; }; f"));

    [Theory]
    [InlineData("local x", "local: not in a function\n")]
    [InlineData("f() echo", "sh: syntax error: unexpected end of line\n")]
    [InlineData("if() { :; }", "sh: syntax error: unexpected \"{\"\n")]
    [InlineData("a b() { :; }", "sh: syntax error: unexpected \"(\"\n")]
    public void A_function_that_is_none_is_refused(string line, string errors) => Assert.Equal(errors, _shell.Errors(line));

    [Theory]
    [InlineData("case a", "sh: syntax error: unexpected end of line\n")]
    [InlineData("case a in a) echo", "sh: syntax error: unexpected end of line\n")]
    [InlineData("case a in a echo;; esac", "sh: syntax error: unexpected \"echo\"\n")]
    [InlineData("echo ;; echo", "sh: syntax error: unexpected \";;\"\n")]
    [InlineData("esac", "sh: syntax error: unexpected \"esac\"\n")]
    public void A_case_that_is_none_is_refused(string line, string errors) => Assert.Equal(errors, _shell.Errors(line));

    [Fact]
    public void Exit_ends_the_line_with_its_status()
    {
        Assert.Equal(new LineResult(3, "a\n", ""), _shell.Run("echo a; exit 3; echo b"));
        Assert.True(_shell.Shell.IsExited);
    }

    [Fact]
    public void Help_names_every_command()
    {
        var named = _shell.Output("help").Split('\n').Select(line => line.Split(' ')[0]);
        Assert.Empty(KernelShell.CommandNames.Except(named));
    }

    [Fact]
    public void Completion_offers_commands_and_paths()
    {
        _shell.Output("mkdir @/sub; touch @/sumo @/other");
        Assert.Equal(["modinfo", "modprobe"], _shell.Complete("mod"));
        Assert.Equal(["modinfo", "modprobe"], _shell.Complete("cat x | mod"));
        Assert.Equal([_shell.At("@/sub/"), _shell.At("@/sumo")], _shell.Complete("cat @/su"));
        Assert.Equal(3, _shell.Complete("cat @/").Count);
    }

    [Fact]
    public void Lines_of_any_kind_end_without_an_exception()
    {
        string[] words =
        [
            "echo", "cat", "head", "grep", "wc", "tail", "-n", "-c", "1", "@/f", "|", ";", "&&", "||", "<", "2>&1", "a*",
            "'q'", "test", "hexdump", "[", "]", "-C", "!", "dd", "bs=3",
        ];
        File.WriteAllText(_shell.Folder + "/f", "some\ntext\n");
        var random = new System.Random(4);
        for (var i = 0; i < 2_000; i++)
        {
            var line = string.Join(' ', Enumerable.Range(0, random.Next(10)).Select(_ => words[random.Next(words.Length)]));
            Assert.InRange(_shell.Run(line, Encoding.UTF8.GetBytes("in\nput")).Status, 0, 255);
        }
    }
}
