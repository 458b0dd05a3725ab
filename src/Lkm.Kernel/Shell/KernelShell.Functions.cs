using System.Globalization;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell;

/// <content>Functions and positional parameters (POSIX.1-2017, XCU 2.9.5 and 2.5.1).</content>
public sealed partial class KernelShell
{
    private Dictionary<string, CommandSyntax>? _functions;
    private string _name = "sh"; // $0
    private Stack<List<(string Name, string? Value)>>? _hidden; // by function that runs: what its own variables hide

    /// <summary>$1, $2 ...</summary>
    internal IReadOnlyList<string> Parameters { get; set; } = [];

    /// <summary>local: the variable has its value back when the function ends.</summary>
    /// <returns>False outside of functions.</returns>
    internal bool TryHide(string name)
    {
        if (_hidden is not { Count: > 0 })
            return false;
        _hidden.Peek().Add((name, Variables.GetValueOrDefault(name)));
        return true;
    }

    /// <summary>Forgets a function.</summary>
    internal void Undefine(string name) => _functions?.Remove(name);

    /// <summary>A shell that is a program of its own (sh): it knows none of the functions.</summary>
    /// <param name="name">$0.</param>
    /// <param name="parameters">Its parameters.</param>
    internal KernelShell NewProgram(string name, IReadOnlyList<string> parameters)
    {
        var shell = Subshell();
        (shell._functions, shell._hidden, shell._name, shell.Parameters) = (null, null, name, parameters);
        return shell;
    }

    /// <summary>A shell that knows the same functions, for a child.</summary>
    private KernelShell WithFunctionsOf(KernelShell parent)
    {
        (_name, Parameters) = (parent._name, parent.Parameters);
        if (parent._functions is { } functions)
            _functions = new Dictionary<string, CommandSyntax>(functions);
        if (parent._hidden is { Count: > 0 })
            (_hidden ??= new()).Push([]);
        return this;
    }

    private void Define(FunctionCommand function) => (_functions ??= [])[function.Name] = function.Body;

    private bool IsFunction(string name) => _functions is not null && _functions.ContainsKey(name);

    /// <summary>Runs a function, if it is one; return has left it.</summary>
    private async GuestTask<int> RunFunction(ISystemCalls process, IReadOnlyList<string> words, StandardStreams streams)
    {
        if (_depth > EndlessNesting)
        {
            await Complain(streams, $"{words[0]}: functions are nested too deeply");
            return 1;
        }

        var before = Parameters;
        Parameters = [.. words.Skip(1)];
        (_hidden ??= new()).Push([]);
        _depth++;
        var status = await RunCommand(process, _functions![words[0]], streams);
        _depth--;
        foreach (var (name, value) in Enumerable.Reverse(_hidden.Pop()))
        {
            if (value is null)
                Variables.Remove(name);
            else
                Variables[name] = value;
        }

        Parameters = before;
        if (_control == LoopControl.Return)
            _control = LoopControl.None;
        return status;
    }

    /// <summary>What a name or a parameter's number stands for; null where it is not set.</summary>
    private string? Find(string name) => !char.IsAsciiDigit(name[0]) ? Variables.GetValueOrDefault(name)
        : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index > 0 && index <= Parameters.Count ? Parameters[index - 1]
        : null;
}
