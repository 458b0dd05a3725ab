using System.Globalization;

namespace Lkm.Kernel.Shell.Awk;

/// <content>Expressions, from the operator that binds least to the one that binds most.</content>
internal sealed partial class AwkParser
{
    private static readonly string[] s_functions =
    [
        "length", "substr", "index", "split", "sub", "gsub", "match", "tolower", "toupper", "sprintf", "int", "sqrt", "exp", "log", "sin", "cos", "atan2", "rand", "srand",
        "and", "or", "xor", "lshift", "rshift", "compl",
    ];

    private int _noGreater; // in print's arguments '>' is a redirection, unless in brackets

    private AwkExpression Expression()
    {
        Enter();
        var left = ChoiceOf();
        if (Next is { Kind: AwkTokenKind.Sign, Text: "=" or "+=" or "-=" or "*=" or "/=" or "%=" or "^=" })
        {
            var sign = _tokens[_at++].Text;
            SkipLines();
            left = new Assignment(Changeable(left), sign[..^1], Expression());
        }

        _depth--;
        return left;
    }

    private AwkExpression ChoiceOf()
    {
        var condition = Or();
        if (!TakeWithLines("?"))
            return condition;
        var yes = Expression();
        SkipLines();
        Expect(":");
        SkipLines();
        return new Choice(condition, yes, Expression());
    }

    private AwkExpression Or()
    {
        var left = And();
        while (TakeWithLines("||"))
            left = new Binary("||", left, And());
        return left;
    }

    private AwkExpression And()
    {
        var left = In();
        while (TakeWithLines("&&"))
            left = new Binary("&&", left, In());
        return left;
    }

    private AwkExpression In()
    {
        var left = Match();
        while (IsName("in"))
        {
            _at++;
            left = new Contains(left, TakeName());
        }

        return left;
    }

    private AwkExpression Match()
    {
        var left = Comparison();
        while (Next is { Kind: AwkTokenKind.Sign, Text: "~" or "!~" })
            left = new Binary(_tokens[_at++].Text, left, Comparison());
        return left;
    }

    private AwkExpression Comparison()
    {
        var left = Concatenation();
        if (Next is { Kind: AwkTokenKind.Sign, Text: "<" or "<=" or "==" or "!=" or ">=" } || (IsSign(">") && _noGreater == 0))
            left = new Binary(_tokens[_at++].Text, left, Concatenation());
        return left;
    }

    private AwkExpression Concatenation()
    {
        var left = Sum();
        while (BeginsOperand())
            left = new Binary(" ", left, Sum());
        return left;
    }

    /// <summary>Whether what follows can be the right side of a concatenation: - and + would be a sum.</summary>
    private bool BeginsOperand() => Next switch
    {
        { Kind: AwkTokenKind.Number or AwkTokenKind.String or AwkTokenKind.Pattern } => true,
        { Kind: AwkTokenKind.Name, Text: var name } => name is not ("in" or "else" or "while"),
        { Kind: AwkTokenKind.Sign, Text: "$" or "!" or "(" or "++" or "--" } => true,
        _ => false,
    };

    private AwkExpression Sum()
    {
        var left = Product();
        while (Next is { Kind: AwkTokenKind.Sign, Text: "+" or "-" })
            left = new Binary(_tokens[_at++].Text, left, Product());
        return left;
    }

    private AwkExpression Product()
    {
        var left = Prefix();
        while (Next is { Kind: AwkTokenKind.Sign, Text: "*" or "/" or "%" })
            left = new Binary(_tokens[_at++].Text, left, Prefix());
        return left;
    }

    private AwkExpression Prefix()
    {
        if (Next is not { Kind: AwkTokenKind.Sign, Text: "!" or "-" or "+" })
            return Power();
        Enter();
        var result = new Unary(_tokens[_at++].Text, Prefix());
        _depth--;
        return result;
    }

    private AwkExpression Power()
    {
        var left = Stepped();
        if (!Take("^"))
            return left;
        Enter();
        var result = new Binary("^", left, IsSign("-") ? Prefix() : Power());
        _depth--;
        return result;
    }

    private AwkExpression Stepped()
    {
        if (Next is { Kind: AwkTokenKind.Sign, Text: "++" or "--" })
        {
            var change = _tokens[_at++].Text == "++" ? 1 : -1;
            return new Step(Changeable(Primary()), change, IsBefore: true);
        }

        var operand = Primary();
        if (operand is Variable or Field or Element && Next is { Kind: AwkTokenKind.Sign, Text: "++" or "--" })
            return new Step(operand, _tokens[_at++].Text == "++" ? 1 : -1, IsBefore: false);
        return operand;
    }

    private AwkExpression Primary()
    {
        var token = Next;
        _at++;
        switch (token.Kind)
        {
            case AwkTokenKind.Number:
                return double.TryParse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                    ? new Literal(AwkValue.Of(number))
                    : throw new AwkException($"no number: {token.Text}");
            case AwkTokenKind.String:
                return new Literal(AwkValue.Of(token.Text));
            case AwkTokenKind.Pattern:
                return new PatternLiteral(token.Text);
            case AwkTokenKind.Sign when token.Text == "$":
                return FieldOf();
            case AwkTokenKind.Sign when token.Text == "(":
                return Grouped();
            case AwkTokenKind.Name when s_functions.Contains(token.Text):
                if (Take("("))
                    return new Call(token.Text, List(")"));
                return token.Text == "length" ? new Call("length", []) : throw new AwkException($"{token.Text} without arguments");
            case AwkTokenKind.Name when token.Text is "getline" or "system" or "close" or "fflush":
                throw new AwkException($"{token.Text} is not supported");
            case AwkTokenKind.Name when IsSign("("):
                throw new AwkException($"there is no function {token.Text}");
            case AwkTokenKind.Name:
                return Take("[") ? new Element(token.Text, List("]")) : new Variable(token.Text);
            default:
                _at--;
                throw Unexpected();
        }
    }

    private Field FieldOf()
    {
        Enter();
        var index = Next is { Kind: AwkTokenKind.Sign, Text: "++" or "--" } ? Stepped()
            : IsSign("-") ? Prefix()
            : Primary();
        _depth--;
        return new Field(index);
    }

    private AwkExpression Grouped()
    {
        var outer = _noGreater;
        _noGreater = 0;
        var inner = Expression();
        Expect(")");
        _noGreater = outer;
        return inner;
    }

    private List<AwkExpression> List(string end)
    {
        var outer = _noGreater;
        _noGreater = 0;
        var list = new List<AwkExpression>();
        SkipLines();
        if (!IsSign(end))
        {
            do
            {
                list.Add(Expression());
            }
            while (TakeWithLines(","));
        }

        Expect(end);
        _noGreater = outer;
        return list;
    }

    private AwkExpression Changeable(AwkExpression target) =>
        target is Variable or Field or Element ? target : throw new AwkException("only variables, fields and elements can be assigned to");
}
