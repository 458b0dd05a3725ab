using System.Text.RegularExpressions;
using Lkm.Kernel.Shell.Commands;

namespace Lkm.Kernel.Shell.Awk;

/// <summary>Runs a program: BEGIN, each line through the rules, END.</summary>
internal sealed partial class AwkInterpreter(AwkProgram program, Action<string> print)
{
    private const long MostSteps = 50_000_000; // of loops: a program that never ends is stopped

    private readonly Dictionary<string, AwkValue> _variables = new()
    {
        ["FS"] = AwkValue.Of(" "),
        ["OFS"] = AwkValue.Of(" "),
        ["ORS"] = AwkValue.Of("\n"),
        ["SUBSEP"] = AwkValue.Of("\u001c"),
        ["CONVFMT"] = AwkValue.Of("%.6g"),
        ["OFMT"] = AwkValue.Of("%.6g"),
    };

    private readonly Dictionary<string, Dictionary<string, AwkValue>> _arrays = [];
    private readonly Dictionary<string, Regex> _patterns = [];
    private readonly bool[] _isInRange = new bool[program.Rules.Count];
    private long _lines, _steps;

    /// <summary>Whether the program reads its input.</summary>
    public bool ReadsInput => !HasExited && (program.Rules.Count > 0 || program.End.Count > 0);

    /// <summary>Whether it has said exit.</summary>
    public bool HasExited { get; private set; }

    /// <summary>What it has exited with.</summary>
    public int Status { get; private set; }

    /// <summary>Sets a variable from outside, with the escapes of a string.</summary>
    public void Set(string name, string value) => Assign(new Variable(name), AwkValue.FromInput(value));

    /// <summary>The rules for the beginning.</summary>
    public void Begin() => RunAll(program.Begin);

    /// <summary>The rules for the end.</summary>
    public void End()
    {
        if (!HasExited || program.End.Count == 0)
            RunAll(program.End);
    }

    /// <summary>Takes a line.</summary>
    public void Take(string line)
    {
        if (HasExited)
            return;
        _lines++;
        SetLine(line);
        for (var i = 0; i < program.Rules.Count; i++)
        {
            var rule = program.Rules[i];
            if (!Applies(rule, i))
                continue;
            if (rule.Action is null)
                print(_line + TextOf("ORS"));
            else if (Run(rule.Action) is AwkFlow.Next or AwkFlow.Exit)
                return;
        }
    }

    private bool Applies(AwkRule rule, int number)
    {
        if (rule.Pattern is null)
            return true;
        if (rule.End is null)
            return Evaluate(rule.Pattern).IsTrue;
        if (!_isInRange[number] && !Evaluate(rule.Pattern).IsTrue)
            return false;
        _isInRange[number] = !Evaluate(rule.End).IsTrue;
        return true;
    }

    private void RunAll(IReadOnlyList<AwkStatement> statements)
    {
        foreach (var statement in statements)
        {
            if (Run(statement) is AwkFlow.Exit)
                return;
        }
    }

    private AwkFlow Run(AwkStatement statement)
    {
        switch (statement)
        {
            case Evaluation { Expression: var expression }:
                Evaluate(expression);
                return AwkFlow.Normal;
            case Print one:
                Write(one);
                return AwkFlow.Normal;
            case Block block:
                foreach (var inner in block.Statements)
                {
                    if (Run(inner) is var flow and not AwkFlow.Normal)
                        return flow;
                }

                return AwkFlow.Normal;
            case If choice:
                return Evaluate(choice.Condition).IsTrue ? Run(choice.Then) : choice.Else is { } otherwise ? Run(otherwise) : AwkFlow.Normal;
            case Loop loop:
                return Run(loop);
            case ForEach each:
                foreach (var key in ArrayOf(each.Array).Keys.ToArray())
                {
                    Assign(new Variable(each.Name), AwkValue.FromInput(key));
                    if (Run(each.Body) is var flow and not (AwkFlow.Normal or AwkFlow.Continue))
                        return flow == AwkFlow.Break ? AwkFlow.Normal : flow;
                }

                return AwkFlow.Normal;
            case Delete { Keys: null } all:
                ArrayOf(all.Array).Clear();
                return AwkFlow.Normal;
            case Delete delete:
                ArrayOf(delete.Array).Remove(KeyOf(delete.Keys!));
                return AwkFlow.Normal;
            case Jump jump:
                if (jump.Flow == AwkFlow.Exit)
                {
                    HasExited = true;
                    Status = jump.Status is { } status ? (int)Evaluate(status).Number & 0xff : Status;
                }

                return jump.Flow;
            default:
                throw new InvalidOperationException($"a statement that is none: {statement}");
        }
    }

    private AwkFlow Run(Loop loop)
    {
        if (loop.Start is { } start)
            Run(start);
        for (var isFirst = true; (isFirst && loop.TestsBehind) || loop.Condition is null || Evaluate(loop.Condition).IsTrue; isFirst = false)
        {
            if (++_steps > MostSteps)
                throw new AwkException($"a loop has not ended in {MostSteps} rounds");
            if (Run(loop.Body) is var flow and not (AwkFlow.Normal or AwkFlow.Continue))
                return flow == AwkFlow.Break ? AwkFlow.Normal : flow;
            if (loop.Next is { } next)
                Run(next);
        }

        return AwkFlow.Normal;
    }

    private void Write(Print one)
    {
        if (one.IsFormatted)
        {
            var values = one.Arguments.Select(Evaluate).ToList();
            print(AwkFormat.Format(values[0].ToText(TextOf("CONVFMT")), values[1..]));
            return;
        }

        var format = TextOf("OFMT");
        var text = one.Arguments.Count == 0 ? _line : string.Join(TextOf("OFS"), one.Arguments.Select(argument => Evaluate(argument).ToText(format)));
        print(text + TextOf("ORS"));
    }

    private Dictionary<string, AwkValue> ArrayOf(string name)
    {
        if (!_arrays.TryGetValue(name, out var array))
            _arrays[name] = array = [];
        return array;
    }

    private string KeyOf(IReadOnlyList<AwkExpression> keys)
    {
        var format = TextOf("CONVFMT");
        return string.Join(TextOf("SUBSEP"), keys.Select(key => Evaluate(key).ToText(format)));
    }

    private string TextOf(string variable) => _variables.TryGetValue(variable, out var value) ? value.ToText("%.6g") : "";

    private Regex PatternOf(string pattern)
    {
        if (_patterns.TryGetValue(pattern, out var compiled))
            return compiled;
        try
        {
            return _patterns[pattern] = PosixPattern.Compile(pattern, isExtended: true, ignoreCase: false);
        }
        catch (Exception e) when (e is RegexParseException or NotSupportedException)
        {
            throw new AwkException($"bad pattern: {pattern}");
        }
    }
}
