using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Tests.Shell;

public class ShellParserTests
{
    [Theory]
    [InlineData("cat a  b", "cat a b")]
    [InlineData("  cat\ta ", "cat a")]
    [InlineData("cat 'a b' \"c d\"", "cat <a b> <c d>")]
    [InlineData("a\\ b", "a< >b")]
    [InlineData("'a'b\"c\"", "<a>b<c>")]
    [InlineData("echo ''", "echo <>")]
    [InlineData("echo \"a\\\"b\\n\"", "echo <a\"b\\n>")]
    [InlineData("echo $? \"=$?\"", "echo {?} <=>{?}<>")]
    [InlineData("a ; b", "a ; b")]
    [InlineData("a && b || c", "a && b || c")]
    [InlineData("a | b | c", "a | b | c")]
    [InlineData("! a | b", "! a | b")]
    [InlineData("a > f >> g < h", "a 1> f 1>> g 0< h")]
    [InlineData("a>f", "a 1> f")]
    [InlineData("a 2>f 2>&1", "a 2> f 2>& 1")]
    [InlineData("exec 3<>f 4<&3 <&-", "exec 3<> f 4>& 3 0>& -")]
    [InlineData("a2>f", "a2 1> f")]
    [InlineData("> f", "1> f")]
    [InlineData("a # b ; c", "a")]
    [InlineData("a#b", "a#b")]
    [InlineData("a\nb\n\n", "a ; b")]
    [InlineData("# nothing", "")]
    [InlineData("; ; a", "a")]
    [InlineData("", "")]
    [InlineData("echo price: $", "echo price: $")]
    [InlineData("echo $a ${b}c \"$d\"", "echo {Variable a} {Variable b}c {QuotedVariable d}<>")]
    [InlineData("echo $(a | b) `c` $((1 + 2))", "echo {Substitution a | b} {Substitution c} {Arithmetic 1 + 2}")]
    [InlineData("for x in 1 2; do echo $x; done > f", "for x in 1 2 do echo {Variable x} done 1> f")]
    [InlineData("while a && b\ndo c\ndone", "while a && b do c done")]
    [InlineData("if a; then b; elif c; then d; else e; fi | f", "if a then b if c then d else e fi | f")]
    [InlineData("{ a; b; } && (c; d)", "{ a ; b } && ( c ; d )")]
    [InlineData("echo for if done", "echo for if done")]
    public void A_line_is_read_as_words_pipes_and_lists(string line, string expected)
    {
        var parsed = ShellParser.Parse(line);
        Assert.Null(parsed.Error);
        Assert.Equal(expected, Show(parsed));
    }

    [Theory]
    [InlineData("a | | b", "syntax error: unexpected \"|\"")]
    [InlineData("a |", "syntax error: unexpected end of line")]
    [InlineData("a &&", "syntax error: unexpected end of line")]
    [InlineData("&& a", "syntax error: unexpected \"&&\"")]
    [InlineData("a 'b", "syntax error: unterminated quoted string")]
    [InlineData("a \"b", "syntax error: unterminated quoted string")]
    [InlineData("a >", "syntax error: unexpected end of line")]
    [InlineData("a (b)", "syntax error: unexpected \"b\"")]
    [InlineData("done", "syntax error: unexpected \"done\"")]
    [InlineData("for x in a; do b", "syntax error: unexpected end of line")]
    [InlineData("if a; then b; fi; fi", "syntax error: unexpected \"fi\"")]
    [InlineData("while a; b; done", "syntax error: unexpected \"done\"")]
    [InlineData("(a", "syntax error: unexpected end of line")]
    [InlineData("a )", "syntax error: unexpected \")\"")]
    [InlineData("echo $(a", "syntax error: unterminated $(")]
    [InlineData("echo ${a/b/c}", "${...}: a variable's name, #NAME, and :- :+ - + % %% # ## with a plain text are supported")]
    [InlineData("echo ${a:-$b}", "${...}: a variable's name, #NAME, and :- :+ - + % %% # ## with a plain text are supported")]
    [InlineData("a << b", "here-documents (<<) are not supported")]
    public void What_is_wrong_is_said(string line, string error) => Assert.Equal(error, ShellParser.Parse(line).Error);

    [Fact]
    public void Any_text_is_a_line_or_an_error()
    {
        const string letters = "ab \t\n'\"\\;&|<>()#$?*[]!2`=";
        var random = new System.Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var line = string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => letters[random.Next(letters.Length)]));
            var parsed = ShellParser.Parse(line);
            Assert.True(parsed.Error is null || parsed.Items.Count == 0);
        }
    }

    private static string Show(ParsedLine line)
    {
        var text = "";
        foreach (var (condition, pipeline, _) in line.Items)
        {
            var connector = condition switch { RunCondition.IfSucceeded => " && ", RunCondition.IfFailed => " || ", _ => " ; " };
            text += (text.Length > 0 ? connector : "") + (pipeline.Negated ? "! " : "") + string.Join(" | ", pipeline.Commands.Select(Show));
        }

        return text;
    }

    private static string Show(IReadOnlyList<ListItem> items) => Show(new ParsedLine(items, null));

    private static string Show(CommandSyntax command) => command switch
    {
        ForCommand c => $"for {c.Name} in {string.Join(' ', c.Words.Select(Show))} do {Show(c.Body)} done{Show(c.Redirections)}",
        WhileCommand c => $"{(c.IsUntil ? "until" : "while")} {Show(c.Condition)} do {Show(c.Body)} done{Show(c.Redirections)}",
        IfCommand c => string.Concat(c.Branches.Select(b => $"if {Show(b.Condition)} then {Show(b.Body)} ")) + $"else {Show(c.Otherwise)} fi{Show(c.Redirections)}",
        GroupCommand c => $"{(c.IsSubshell ? "(" : "{")} {Show(c.Body)} {(c.IsSubshell ? ")" : "}")}{Show(c.Redirections)}",
        _ => Show((SimpleCommand)command),
    };

    private static string Show(IReadOnlyList<Redirection> redirections) =>
        redirections.Count == 0 ? "" : " " + Show(new SimpleCommand([], redirections));

    private static string Show(SimpleCommand command) => string.Join(' ', command.Words.Select(Show).Concat(command.Redirections.Select(r =>
        $"{r.Descriptor}{r.Kind switch { RedirectionKind.Read => "<", RedirectionKind.Write => ">", RedirectionKind.Append => ">>", RedirectionKind.ReadWrite => "<>", _ => ">&" }} {Show(r.Target)}")));

    private static string Show(Word word) => string.Concat(word.Parts.Select(p =>
        p.Kind switch { WordPartKind.Bare => p.Text, WordPartKind.Quoted => $"<{p.Text}>", WordPartKind.Status => "{?}", _ => $"{{{p.Kind} {p.Text}}}" }));
}
