namespace Lkm.Kernel.Shell.Awk;

/// <summary>Reads a program: rules and statements. What is not supported (functions of one's own, getline, files and pipes) is said so.</summary>
internal sealed partial class AwkParser
{
    private const int Deepest = 200;

    private readonly List<AwkToken> _tokens;
    private int _at, _depth;

    private AwkParser(List<AwkToken> tokens) => _tokens = tokens;

    private AwkToken Next => _tokens[_at];

    /// <summary>Reads a program.</summary>
    /// <exception cref="AwkException">It is none, or uses what is not supported.</exception>
    public static AwkProgram Parse(string program) => new AwkParser(AwkLexer.Split(program)).Program();

    private AwkProgram Program()
    {
        List<AwkStatement> begin = [], end = [];
        var rules = new List<AwkRule>();
        while (true)
        {
            while (Take(";") || Take("\n"))
            {
            }

            if (Next.Kind == AwkTokenKind.End)
                return new AwkProgram(begin, rules, end);
            if (IsName("function") || IsName("func"))
                throw new AwkException("functions of one's own are not supported");
            if (IsName("BEGIN") || IsName("END"))
            {
                (IsName("BEGIN") ? begin : end).Add(Action());
                continue;
            }

            var pattern = IsSign("{") ? null : Expression();
            var last = pattern is not null && TakeWithLines(",") ? Expression() : null;
            rules.Add(new AwkRule(pattern, last, IsSign("{") ? BlockOf() : null));
        }

        AwkStatement Action()
        {
            _at++;
            return BlockOf();
        }
    }

    private Block BlockOf()
    {
        Expect("{");
        var statements = new List<AwkStatement>();
        SkipEnds();
        while (!Take("}"))
        {
            statements.Add(Statement());
            SkipEnds();
        }

        return new Block(statements);
    }

    private AwkStatement Statement()
    {
        Enter();
        var statement = Next switch
        {
            { Kind: AwkTokenKind.Sign, Text: "{" } => BlockOf(),
            { Kind: AwkTokenKind.Sign, Text: ";" } => new Block([]),
            { Kind: AwkTokenKind.Name, Text: "if" } => IfStatement(),
            { Kind: AwkTokenKind.Name, Text: "while" } => WhileStatement(),
            { Kind: AwkTokenKind.Name, Text: "do" } => DoStatement(),
            { Kind: AwkTokenKind.Name, Text: "for" } => ForStatement(),
            _ => EndOf(SimpleStatement()),
        };
        _depth--;
        return statement;
    }

    private AwkStatement EndOf(AwkStatement statement)
    {
        if (!Take(";") && !Take("\n") && !IsSign("}") && Next.Kind != AwkTokenKind.End)
            throw Unexpected();
        return statement;
    }

    private AwkStatement SimpleStatement()
    {
        if (Next.Kind != AwkTokenKind.Name)
            return new Evaluation(Expression());
        switch (Next.Text)
        {
            case "print" or "printf":
                return PrintStatement();
            case "break":
                _at++;
                return new Jump(AwkFlow.Break, null);
            case "continue":
                _at++;
                return new Jump(AwkFlow.Continue, null);
            case "next":
                _at++;
                return new Jump(AwkFlow.Next, null);
            case "exit":
                _at++;
                return new Jump(AwkFlow.Exit, IsEnd() ? null : Expression());
            case "delete":
                _at++;
                var array = TakeName();
                return new Delete(array, Take("[") ? List("]") : null);
            case "return" or "getline":
                throw new AwkException($"{Next.Text} is not supported");
            default:
                return new Evaluation(Expression());
        }
    }

    private Print PrintStatement()
    {
        var isFormatted = Next.Text == "printf";
        _at++;
        var start = _at;
        List<AwkExpression> arguments = [];
        if (Take("("))
        {
            arguments = List(")");
            if (!IsEnd() && !IsRedirection())
            {
                _at = start; // the brackets were part of an expression
                arguments = [];
            }
        }

        if (_at == start && !IsEnd() && !IsRedirection())
        {
            _noGreater++;
            do
            {
                arguments.Add(Expression());
            }
            while (TakeWithLines(","));
            _noGreater--;
        }

        if (IsRedirection())
            throw new AwkException($"printing to files and pipes ({Next.Text}) is not supported");
        if (isFormatted && arguments.Count == 0)
            throw new AwkException("printf has no format");
        return new Print(arguments, isFormatted);

        bool IsRedirection() => IsSign(">") || IsSign(">>") || IsSign("|");
    }

    private If IfStatement()
    {
        var condition = Condition();
        var then = Body();
        var back = _at;
        SkipEnds();
        if (!IsName("else"))
        {
            _at = back;
            return new If(condition, then, null);
        }

        _at++;
        return new If(condition, then, Body());
    }

    private Loop WhileStatement() => new(null, Condition(), null, Body(), TestsBehind: false);

    private Loop DoStatement()
    {
        _at++;
        var body = Body();
        SkipEnds();
        if (!IsName("while"))
            throw Unexpected();
        return new Loop(null, Condition(), null, body, TestsBehind: true);
    }

    private AwkStatement ForStatement()
    {
        _at++;
        Expect("(");
        if (_tokens[_at..] is [{ Kind: AwkTokenKind.Name }, { Text: "in", Kind: AwkTokenKind.Name }, { Kind: AwkTokenKind.Name }, { Text: ")", Kind: AwkTokenKind.Sign }, ..])
        {
            var (name, array) = (_tokens[_at].Text, _tokens[_at + 2].Text);
            _at += 4;
            return new ForEach(name, array, Body());
        }

        var start = IsSign(";") ? null : SimpleStatement();
        Expect(";");
        SkipLines();
        var condition = IsSign(";") ? null : Expression();
        Expect(";");
        SkipLines();
        var next = IsSign(")") ? null : SimpleStatement();
        Expect(")");
        return new Loop(start, condition, next, Body(), TestsBehind: false);
    }

    private AwkExpression Condition()
    {
        _at++;
        Expect("(");
        var condition = Expression();
        Expect(")");
        return condition;
    }

    private AwkStatement Body()
    {
        SkipLines();
        if (Take(";"))
            return new Block([]);
        return Statement();
    }

    private void Enter()
    {
        if (++_depth > Deepest)
            throw new AwkException($"the program is nested more than {Deepest} deep");
    }

    private bool IsSign(string text) => Next.Kind == AwkTokenKind.Sign && Next.Text == text;

    private bool IsName(string text) => Next.Kind == AwkTokenKind.Name && Next.Text == text;

    private bool IsEnd() => IsSign(";") || IsSign("\n") || IsSign("}") || Next.Kind == AwkTokenKind.End;

    private bool Take(string sign)
    {
        if (!IsSign(sign))
            return false;
        _at++;
        return true;
    }

    /// <summary>Takes a sign behind which lines may end.</summary>
    private bool TakeWithLines(string sign)
    {
        if (!Take(sign))
            return false;
        SkipLines();
        return true;
    }

    private void Expect(string sign)
    {
        if (!Take(sign))
            throw Unexpected();
    }

    private string TakeName()
    {
        if (Next.Kind != AwkTokenKind.Name)
            throw Unexpected();
        return _tokens[_at++].Text;
    }

    private void SkipLines()
    {
        while (Take("\n"))
        {
        }
    }

    private void SkipEnds()
    {
        while (Take("\n") || Take(";"))
        {
        }
    }

    private AwkException Unexpected() => new(Next switch
    {
        { Kind: AwkTokenKind.End } => "unexpected end of the program",
        { Text: "\n" } => "unexpected end of a line",
        _ => $"unexpected '{Next.Text}'",
    });
}
