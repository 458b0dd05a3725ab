namespace Lkm.Kernel.Shell.Awk;

/// <content>Expressions, variables and fields.</content>
internal sealed partial class AwkInterpreter
{
    private const int MostFields = 1 << 16;

    private string _line = "";
    private List<string>? _fields; // of the line; null until they are asked for

    private List<string> Fields => _fields ??= Split(_line, TextOf("FS"));

    private AwkValue Evaluate(AwkExpression expression)
    {
        switch (expression)
        {
            case Literal literal:
                return literal.Value;
            case PatternLiteral pattern:
                return AwkValue.Of(PatternOf(pattern.Pattern).IsMatch(_line));
            case Variable { Name: "NF" }:
                return AwkValue.Of(Fields.Count);
            case Variable { Name: "NR" or "FNR" }:
                return AwkValue.Of(_lines);
            case Variable variable:
                return _variables.GetValueOrDefault(variable.Name, AwkValue.Nothing);
            case Field field:
                return FieldAt(IndexOf(field));
            case Element element:
                var (array, key) = (ArrayOf(element.Array), KeyOf(element.Keys));
                if (!array.TryGetValue(key, out var value))
                    array[key] = value = AwkValue.Nothing;
                return value;
            case Contains contains:
                return AwkValue.Of(ArrayOf(contains.Array).ContainsKey(TextOf(contains.Key)));
            case Assignment { Operator: "" } plain:
                return Assign(plain.Target, Evaluate(plain.Value));
            case Assignment assignment:
                var operand = Evaluate(assignment.Value).Number;
                return Assign(assignment.Target, AwkValue.Of(Calculate(assignment.Operator, Evaluate(assignment.Target).Number, operand)));
            case Step step:
                var before = Evaluate(step.Target).Number;
                var after = Assign(step.Target, AwkValue.Of(before + step.Change));
                return step.IsBefore ? after : AwkValue.Of(before);
            case Unary unary:
                var only = Evaluate(unary.Operand);
                return unary.Operator == "!" ? AwkValue.Of(!only.IsTrue) : AwkValue.Of(unary.Operator == "-" ? -only.Number : only.Number);
            case Choice choice:
                return Evaluate(choice.Condition).IsTrue ? Evaluate(choice.Yes) : Evaluate(choice.No);
            case Binary binary:
                return Evaluate(binary);
            case Call call:
                return Evaluate(call);
            default:
                throw new InvalidOperationException($"an expression that is none: {expression}");
        }
    }

    private AwkValue Evaluate(Binary binary)
    {
        switch (binary.Operator)
        {
            case "&&":
                return AwkValue.Of(Evaluate(binary.Left).IsTrue && Evaluate(binary.Right).IsTrue);
            case "||":
                return AwkValue.Of(Evaluate(binary.Left).IsTrue || Evaluate(binary.Right).IsTrue);
            case "~" or "!~":
                return AwkValue.Of(PatternOf(PatternTextOf(binary.Right)).IsMatch(TextOf(binary.Left)) == (binary.Operator == "~"));
            case " ":
                return AwkValue.Of(TextOf(binary.Left) + TextOf(binary.Right));
            case "<" or "<=" or "==" or "!=" or ">" or ">=":
                var order = Compare(Evaluate(binary.Left), Evaluate(binary.Right));
                return AwkValue.Of(binary.Operator switch { "<" => order < 0, "<=" => order <= 0, "==" => order == 0, "!=" => order != 0, ">" => order > 0, _ => order >= 0 });
            default:
                var left = Evaluate(binary.Left).Number;
                return AwkValue.Of(Calculate(binary.Operator, left, Evaluate(binary.Right).Number));
        }
    }

    private int Compare(AwkValue left, AwkValue right) => left.IsNumeric && right.IsNumeric
        ? left.Number.CompareTo(right.Number)
        : string.CompareOrdinal(left.ToText(TextOf("CONVFMT")), right.ToText(TextOf("CONVFMT")));

    private static double Calculate(string sign, double left, double right) => sign switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" or "%" when right == 0 => throw new AwkException("Division by zero"),
        "/" => left / right,
        "%" => left % right,
        _ => Math.Pow(left, right),
    };

    private string TextOf(AwkExpression expression) => Evaluate(expression).ToText(TextOf("CONVFMT"));

    /// <summary>What is matched with: a pattern as it is, or the string that an expression gives.</summary>
    private string PatternTextOf(AwkExpression expression) => expression is PatternLiteral { Pattern: var pattern } ? pattern : TextOf(expression);

    private AwkValue Assign(AwkExpression target, AwkValue value)
    {
        switch (target)
        {
            case Variable { Name: "NF" }:
                Resize(Checked(value.Number));
                Join();
                break;
            case Variable { Name: "NR" or "FNR" }:
                _lines = (long)value.Number;
                break;
            case Variable { Name: "RS" } when value.ToText("%.6g") != "\n":
                throw new AwkException("records other than lines (RS) are not supported");
            case Variable variable:
                _variables[variable.Name] = value;
                break;
            case Element element:
                ArrayOf(element.Array)[KeyOf(element.Keys)] = value;
                break;
            case Field field when IndexOf(field) is var index and > 0:
                Resize(Math.Max(index, Fields.Count));
                Fields[index - 1] = value.ToText(TextOf("CONVFMT"));
                Join();
                break;
            case Field:
                SetLine(value.ToText(TextOf("CONVFMT")));
                break;
        }

        return value;
    }

    private void SetLine(string line) => (_line, _fields) = (line, null);

    private void Join() => _line = string.Join(TextOf("OFS"), Fields);

    private void Resize(int count)
    {
        if (Fields.Count > count)
            Fields.RemoveRange(count, Fields.Count - count);
        while (Fields.Count < count)
            Fields.Add("");
    }

    private AwkValue FieldAt(int index) =>
        index == 0 ? AwkValue.FromInput(_line) : index <= Fields.Count ? AwkValue.FromInput(Fields[index - 1]) : AwkValue.Nothing;

    private int IndexOf(Field field) => Checked(Evaluate(field.Index).Number);

    private static int Checked(double index) =>
        index is >= 0 and <= MostFields ? (int)index : throw new AwkException($"there is no field {index}");

    /// <summary>Splits a text as FS says: a blank is any white space, one character is itself, more are a pattern.</summary>
    private List<string> Split(string text, string separator)
    {
        if (separator == " ")
            return [.. text.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries)];
        if (text.Length == 0)
            return [];
        if (separator.Length == 0)
            return [.. text.Select(character => character.ToString())];
        return [.. separator.Length == 1 && separator != "\\" ? text.Split(separator) : PatternOf(separator).Split(text)];
    }
}
