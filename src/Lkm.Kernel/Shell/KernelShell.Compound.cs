using System.Text;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell;

/// <content>Lists, compound commands, variables and expansions.</content>
public sealed partial class KernelShell
{
    private const int EndlessNesting = 64;

    private LoopControl _control;
    private int _depth;

    /// <summary>What break and continue have asked for.</summary>
    internal enum LoopControl
    {
        /// <summary>Nothing: go on.</summary>
        None,

        /// <summary>Leave the loop.</summary>
        Break,

        /// <summary>Begin the next round.</summary>
        Continue,

        /// <summary>Leave the function.</summary>
        Return,
    }

    /// <summary>The shell's variables.</summary>
    internal Dictionary<string, string> Variables { get; private set; } = ShellEnvironment.Parse(ShellEnvironment.Variables);

    /// <summary>break, continue and return.</summary>
    internal void Leave(LoopControl control) => _control = control;

    private async GuestTask<int> RunList(ISystemCalls process, IReadOnlyList<ListItem> items, StandardStreams streams)
    {
        for (var next = 0; next < items.Count && !IsExited && _control == LoopControl.None;)
        {
            // What && and || connect is one list: & sends all of it into the background.
            var first = next++;
            while (next < items.Count && items[next].Condition != RunCondition.Always)
                next++;
            var list = items.Skip(first).Take(next - first);
            if (items[next - 1].InBackground)
                LastStatus = await StartInBackground(process, [.. list.Select(item => item with { InBackground = false })], streams) & 0xff;
            else
                await RunConditional(process, list, streams);
        }

        return LastStatus;
    }

    private async GuestTask RunConditional(ISystemCalls process, IEnumerable<ListItem> list, StandardStreams streams)
    {
        foreach (var (condition, pipeline, _) in list)
        {
            if (condition == RunCondition.IfSucceeded && LastStatus != 0 || condition == RunCondition.IfFailed && LastStatus == 0)
                continue;
            LastStatus = await RunPipeline(process, pipeline, streams) & 0xff;
            if (IsExited || _control != LoopControl.None)
                break;
        }
    }

    private async GuestTask<int> Run(ISystemCalls process, CommandSyntax command, StandardStreams streams)
    {
        switch (command)
        {
            case ForCommand loop:
                var status = 0;
                foreach (var value in await Expand(process, loop.Words, streams))
                {
                    Variables[loop.Name] = value;
                    status = await RunList(process, loop.Body, streams);
                    if (await EndsLoop(process))
                        break;
                }

                return status;
            case WhileCommand loop:
                var last = 0;
                while ((await RunList(process, loop.Condition, streams) == 0) != loop.IsUntil && !IsExited && _control != LoopControl.Return)
                {
                    last = await RunList(process, loop.Body, streams);
                    if (await EndsLoop(process))
                        break;
                }

                return last;
            case IfCommand choice:
                foreach (var (condition, body) in choice.Branches)
                {
                    if (await RunList(process, condition, streams) == 0)
                        return await RunBody(process, body, streams);
                }

                return await RunBody(process, choice.Otherwise, streams);
            case CaseCommand choice:
                return await RunCase(process, choice, streams);
            case GroupCommand { IsSubshell: true } group:
                return await Subshell().RunList(process, group.Body, streams);
            case GroupCommand group:
                return await RunList(process, group.Body, streams);
            case FunctionCommand function:
                Define(function);
                return 0;
            default:
                return await RunSimple(process, (SimpleCommand)command, streams);
        }
    }

    /// <summary>Runs what stands behind the first pattern that the word matches; 0 when none does. Neither is split, nor are file names looked for.</summary>
    private async GuestTask<int> RunCase(ISystemCalls process, CaseCommand choice, StandardStreams streams)
    {
        var text = string.Concat(await Expand(process, [choice.Word], streams, splits: false));
        foreach (var (patterns, body) in choice.Branches)
        {
            foreach (var pattern in patterns)
            {
                if (Wildcard.Matches(string.Concat(await Fields(process, pattern, streams, splits: false)), text))
                    return await RunBody(process, body, streams);
            }
        }

        return 0;
    }

    private async GuestTask<int> RunBody(ISystemCalls process, IReadOnlyList<ListItem> body, StandardStreams streams) =>
        body.Count == 0 ? 0 : await RunList(process, body, streams);

    /// <summary>After a round of a loop: a system call, where a signal ends a loop that would make none.</summary>
    private async GuestTask<bool> EndsLoop(ISystemCalls process)
    {
        var control = _control;
        if (control != LoopControl.Return)
            _control = LoopControl.None;
        await process.SystemCall("getppid");
        return control is LoopControl.Break or LoopControl.Return || IsExited;
    }

    /// <summary>Assignments before a command's name hold for the shell when there is no command; commands have no environment.</summary>
    private async GuestTask<int> RunSimple(ISystemCalls process, SimpleCommand command, StandardStreams streams)
    {
        var first = 0;
        var assigned = new List<(string Name, string Value)>();
        for (; first < command.Words.Count && TryAssignment(command.Words[first], out var name, out var value); first++)
            assigned.Add((name, string.Join(' ', await Expand(process, [value], streams, splits: false))));
        if (first < command.Words.Count)
            return await RunNamed(process, await Expand(process, [.. command.Words.Skip(first)], streams), streams);
        foreach (var (name, value) in assigned)
            Variables[name] = value;
        return assigned.Count > 0 && command.Words.Any(word => word.Parts.Any(part => part.Kind is WordPartKind.Substitution or WordPartKind.QuotedSubstitution))
            ? LastStatus
            : 0;
    }

    private static bool TryAssignment(Word word, out string name, out Word value)
    {
        (name, value) = ("", word);
        if (word.Parts is not [{ Kind: WordPartKind.Bare, Text: var text }, ..] || text.IndexOf('=') is not (> 0 and var equals) || !Lexer.IsNameStart(text[0])
            || text[..equals].Any(c => !Lexer.IsNameStart(c) && !char.IsAsciiDigit(c)))
            return false;
        name = text[..equals];
        value = new Word([new WordPart(WordPartKind.Bare, text[(equals + 1)..]), .. word.Parts.Skip(1)]);
        return true;
    }

    /// <summary>Makes words into arguments (POSIX.1-2017, XCU 2.6): variables, substitutions, splitting, file names.</summary>
    private async GuestTask<List<string>> Expand(ISystemCalls process, IReadOnlyList<Word> words, StandardStreams streams, bool splits = true)
    {
        var expanded = new List<string>();
        var files = new ShellFiles(process, "sh");
        foreach (var word in words)
        {
            foreach (var pattern in await Fields(process, word, streams, splits))
            {
                if (splits && Wildcard.IsPattern(pattern) && await Expansion.Match(files, pattern) is { Count: > 0 } paths)
                    expanded.AddRange(paths);
                else
                    expanded.Add(Wildcard.Unescape(pattern));
            }
        }

        return expanded;
    }

    /// <summary>The patterns that a word becomes: what was quoted matches itself; values outside of quotes are split at blanks.</summary>
    private async GuestTask<List<string>> Fields(ISystemCalls process, Word word, StandardStreams streams, bool splits)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var isField = false;
        var isListOfNothing = false;
        foreach (var (kind, text) in word.Parts)
        {
            if (kind == WordPartKind.QuotedVariable && text == "@" && splits) // each parameter is a word
            {
                isListOfNothing = Parameters.Count == 0;
                for (var i = 0; i < Parameters.Count; i++)
                {
                    if (i > 0)
                        EndField();
                    field.Append(Wildcard.Escape(Parameters[i]));
                    isField = true;
                }

                continue;
            }

            if (isListOfNothing && kind == WordPartKind.Quoted && text.Length == 0)
                continue;
            var value = kind switch
            {
                WordPartKind.Bare => text.Replace(@"\", @"\\"),
                WordPartKind.Quoted => Wildcard.Escape(text),
                WordPartKind.Status => LastStatus.ToString(System.Globalization.CultureInfo.InvariantCulture),
                WordPartKind.Variable or WordPartKind.QuotedVariable => await Value(process, text),
                WordPartKind.Arithmetic => Arithmetic.Evaluate(await Quoted(process, text, streams), name => Variables.GetValueOrDefault(name, "")),
                _ => await Substitute(process, text, streams),
            };
            if (kind is not (WordPartKind.Variable or WordPartKind.Substitution) || !splits)
            {
                isField |= kind is not (WordPartKind.Variable or WordPartKind.Substitution or WordPartKind.Bare) || value.Length > 0;
                field.Append(kind switch
                {
                    WordPartKind.QuotedVariable or WordPartKind.QuotedSubstitution => Wildcard.Escape(value),
                    WordPartKind.Variable or WordPartKind.Substitution => value.Replace(@"\", @"\\"),
                    _ => value,
                });
                continue;
            }

            var pieces = value.Split((char[])[' ', '\t', '\n']);
            for (var i = 0; i < pieces.Length; i++)
            {
                if (i > 0)
                    EndField();
                field.Append(pieces[i].Replace(@"\", @"\\"));
                isField |= pieces[i].Length > 0;
            }
        }

        EndField();
        return fields;

        void EndField()
        {
            if (isField)
                fields.Add(field.ToString());
            field.Clear();
            isField = false;
        }
    }

    /// <summary>What a text is in double quotes.</summary>
    private async GuestTask<string> Quoted(ISystemCalls process, string text, StandardStreams streams) =>
        text.AsSpan().IndexOfAny('$', '`') >= 0 && new Lexer($"\"{text}\"").Next().Word is { } word
            ? Wildcard.Unescape(string.Concat(await Fields(process, word, streams, splits: false)))
            : text;

    private async GuestTask<string> Value(ISystemCalls process, string name) => name switch
    {
        "$" => $"{await CurrentPid(process)}",
        "!" => Jobs is [.., var last] ? $"{last}" : "",
        "#" => $"{Parameters.Count}",
        "0" => _name,
        "@" or "*" => string.Join(' ', Parameters),
        _ when ParameterExpansion.TryParse(name, out var expansion) => expansion.Apply(Find(expansion.Name)),
        _ => Variables.GetValueOrDefault(name, ""),
    };

    /// <summary>Runs a line and takes what it prints, without the newlines at its end. Its variables are its own.</summary>
    private async GuestTask<string> Substitute(ISystemCalls process, string line, StandardStreams streams)
    {
        if (_depth > EndlessNesting)
            return "";
        using var output = new MemoryStream();
        var inner = Subshell();
        inner._depth = _depth + 1;
        LastStatus = await inner.Run(process, line, streams with { Output = new HostStream(output) });
        return Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n');
    }
}
