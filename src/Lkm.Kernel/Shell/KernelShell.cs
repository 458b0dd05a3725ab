using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Shell.Streams;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell;

/// <summary>Where a line's commands read and write when nothing redirects them.</summary>
/// <param name="Output">Standard output. A stream whose reader went away (<see cref="IOException"/>) is a broken pipe.</param>
/// <param name="Errors">Standard error.</param>
/// <param name="Input">Standard input; null is empty.</param>
public readonly record struct ShellStreams(Stream Output, Stream Errors, Stream? Input = null);

/// <summary>
/// The shell of a session. A line runs in a guest process, whose files, working directory and credentials are those of the commands; each
/// command's system calls are made in its own name. Lines run one after another, and one task at a time.
/// </summary>
/// <param name="modules">What the module commands act on.</param>
/// <param name="log">The kernel log.</param>
public sealed partial class KernelShell(IModuleCommands modules, KernelLog log)
{
    /// <summary>The exit status for a program that is there and cannot be executed.</summary>
    internal const int NotExecutable = 126;

    /// <summary>What stands behind "not found" of a command that there is none of.</summary>
    public const string HelpHint = "; \"help\" lists the commands";

    private const int NotFound = 127;
    private const int SyntaxError = 2;

    private bool _isAlone;
    private int _jobsBefore;
    private long? _pid;

    /// <summary>The folder of the host that relative names of host files start from.</summary>
    public string HostDirectory { get; set; } = Environment.CurrentDirectory;

    /// <summary>The working directory inside the kernel: each line's process starts there, and cd moves it.</summary>
    public string Directory { get; internal set; } = "/";

    /// <summary>The exit status of the last command: $?.</summary>
    public int LastStatus { get; private set; }

    /// <summary>Whether the line said exit.</summary>
    public bool IsExited { get; private set; }

    /// <summary>The names of all commands, sorted.</summary>
    public static IEnumerable<string> CommandNames => CommandTable.All.Select(c => c.Name).Order(StringComparer.Ordinal);

    /// <summary>The names of the commands that a machine has files for.</summary>
    public static IEnumerable<string> ProgramNames => CommandNames.Where(CommandTable.IsFile);

    /// <summary>Those of <see cref="ProgramNames"/> that are kmod.</summary>
    public static IReadOnlyList<string> KmodNames { get; } = ["insmod", "lsmod", "modinfo", "modprobe", "rmmod"];

    /// <summary>The processes that were started in the background, first to last: %1, %2 ...</summary>
    internal List<int> Jobs { get; private init; } = [];

    /// <summary>Those of <see cref="Jobs"/> that the running line has started, which alone are its process's children.</summary>
    internal IEnumerable<int> Children => Jobs.Skip(_jobsBefore);

    internal IModuleCommands Modules => modules;

    /// <summary>Whether this is a child that runs one command.</summary>
    internal bool IsAlone => _isAlone;

    internal KernelLog Log => log;

    /// <summary>Runs a line.</summary>
    /// <param name="process">The process that it runs in; the running task.</param>
    /// <param name="line">One or more lines, as sh -c takes them.</param>
    /// <param name="streams">Where its output goes.</param>
    /// <returns>The exit status, 0 to 255.</returns>
    public GuestTask<int> Run(ISystemCalls process, string line, ShellStreams streams) => Run(process, line, new StandardStreams(
        new HostStream(streams.Input ?? Stream.Null), new HostStream(streams.Output), new HostStream(streams.Errors)));

    /// <summary>Runs a line with streams that may make the process wait.</summary>
    internal async GuestTask<int> Run(ISystemCalls process, string line, StandardStreams standard)
    {
        _pid = null;
        await ForgetEndedJobs(process);
        _jobsBefore = Jobs.Count;
        await EnterDirectory(process);
        var parsed = ShellParser.Parse(line);
        if (parsed.Error is { } error)
        {
            await Complain(standard, error);
            return LastStatus = SyntaxError;
        }

        var status = await RunList(process, parsed.Items, standard);
        _control = LoopControl.None;
        return status;
    }

    /// <summary>Runs one command, its words taken as they are.</summary>
    internal async GuestTask<int> Run(ISystemCalls process, IReadOnlyList<string> words, StandardStreams streams)
    {
        await EnterDirectory(process);
        return LastStatus = await RunNamed(process, [.. words], streams) & 0xff;
    }

    /// <summary>Completes the last word of a line: a command's name at its beginning, a path elsewhere.</summary>
    /// <param name="process">The process that paths are looked up in; the running task.</param>
    /// <param name="line">The line up to the cursor.</param>
    /// <returns>What the word can become, sorted; a directory ends with a slash.</returns>
    public async GuestTask<List<string>> Complete(ISystemCalls process, string line)
    {
        await EnterDirectory(process);
        return await Completion.Complete(new ShellFiles(process, "sh"), line);
    }

    /// <summary>The absolute path of a file of the host.</summary>
    internal string HostPath(string path) => Path.GetFullPath(path, HostDirectory);

    /// <summary>Ends the session behind the running line.</summary>
    internal void Exit() => IsExited = true;

    private static async GuestTask Complain(StandardStreams streams, string message) =>
        await streams.Errors.Write(Encoding.UTF8.GetBytes($"sh: {message}\n"));

    private async GuestTask ForgetEndedJobs(ISystemCalls process)
    {
        for (var i = Jobs.Count - 1; i >= 0; i--)
        {
            if (ShellFiles.ErrorOf(await process.SystemCall("kill", (ulong)Jobs[i], 0)) == Errno.ESRCH)
                Jobs.RemoveAt(i);
        }
    }

    /// <summary>A directory that is gone leaves the process where it is, as a shell's own would.</summary>
    private async GuestTask EnterDirectory(ISystemCalls process)
    {
        if (Directory != "/")
            await new ShellFiles(process, "sh").CallPath("chdir", Directory);
    }

    private async GuestTask<int> RunPipeline(ISystemCalls process, Pipeline pipeline, StandardStreams streams)
    {
        var status = pipeline.Commands.Count > 1 && process is IForks forks
            ? await RunConnected(process, forks, pipeline.Commands, streams)
            : await RunUpTo(process, pipeline.Commands, pipeline.Commands.Count - 1, streams);
        return pipeline.Negated ? (status == 0 ? 1 : 0) : status;
    }

    /// <summary>Runs each command in a child of its own; pipes connect them.</summary>
    private async GuestTask<int> RunConnected(ISystemCalls process, IForks forks, IReadOnlyList<CommandSyntax> commands, StandardStreams streams)
    {
        var files = new ShellFiles(process, "sh");
        var (children, input, status) = (new List<int>(), -1, 0);
        for (var i = 0; i < commands.Count; i++)
        {
            var (reader, writer) = (-1, -1);
            if (i + 1 < commands.Count)
            {
                (reader, writer, var error) = await files.MakePipe();
                if (error != Errno.OK)
                {
                    await Complain(streams, $"can't create a pipe: {error.Message()}");
                    return 1;
                }
            }

            var (command, from) = (commands[i], input);
            var shell = Subshell(NeedsChild(command));
            var pid = await forks.Fork(async child =>
            {
                var own = new ShellFiles(child, "sh");
                if (reader >= 0)
                    await own.Close(reader);
                var connected = from < 0 ? streams : streams with { Input = new DescriptorStream(own, from) };
                if (writer >= 0)
                    connected = connected with { Output = new DescriptorStream(own, writer) };
                return await shell.RunCommand(child, command, connected);
            });
            if (pid < 0)
                await Complain(streams, $"can't fork: {((Errno)(-pid)).Message()}");
            else
                children.Add(pid);
            if (input >= 0)
                await files.Close(input);
            if (writer >= 0)
                await files.Close(writer);
            input = reader;
        }

        foreach (var child in children)
            status = await AwaitEnd(forks, child, streams);
        return status;
    }

    /// <summary>
    /// LIST &amp;: a child runs it, with no input; it goes on when the line is over. Its variables are what they are now, not what they become until it runs.
    /// </summary>
    private async GuestTask<int> StartInBackground(ISystemCalls process, IReadOnlyList<ListItem> items, StandardStreams streams)
    {
        var alone = streams with { Input = new HostStream(Stream.Null) };
        var pid = process is IForks forks ? await forks.Fork(Alone(items, alone)) : -(int)Errno.ENOSYS;
        if (pid < 0)
            await Complain(streams, $"can't fork: {((Errno)(-pid)).Message()}");
        else
            Jobs.Add(pid);
        return pid < 0 ? 1 : 0;
    }

    /// <summary>Runs a list in a child that has nothing else to do: one that is a single program becomes it, so its pid is the program's.</summary>
    private Func<ISystemCalls, GuestTask<int>> Alone(IReadOnlyList<ListItem> items, StandardStreams streams)
    {
        if (items is [{ Pipeline: { Negated: false, Commands: [var command] } }])
        {
            var single = Subshell(NeedsChild(command));
            return child => single.RunCommand(child, command, streams);
        }

        var shell = Subshell();
        return child => shell.RunList(child, items, streams);
    }

    /// <summary>A shell for a child: what it does to its own state is lost with it.</summary>
    /// <param name="isAlone">Whether the child has nothing else to do than one command, for which it need not fork again.</param>
    internal KernelShell Subshell(bool isAlone = false) => new KernelShell(modules, log)
    {
        _isAlone = isAlone,
        HostDirectory = HostDirectory,
        LastStatus = LastStatus,
        Directory = Directory,
        Variables = new Dictionary<string, string>(Variables),
        Jobs = [.. Jobs],
        _jobsBefore = Jobs.Count,
        _descriptors = _descriptors,
        _pid = _pid,
        _depth = _depth,
    }.WithFunctionsOf(this);

    /// <summary>Where there is no fork: runs the last command; what it reads makes the ones before it run (<see cref="Pipe"/>).</summary>
    private async GuestTask<int> RunUpTo(ISystemCalls process, IReadOnlyList<CommandSyntax> commands, int last, StandardStreams streams)
    {
        if (last == 0)
            return await RunCommand(process, commands[0], streams);
        Pipe? pipe = null;
        pipe = new Pipe(() => RunUpTo(process, commands, last - 1, streams with { Output = pipe! }));
        var status = await RunCommand(process, commands[last], streams with { Input = pipe });
        await pipe.CloseReader();
        return status;
    }

    /// <summary>Waits for a child, and says so when a signal has ended it, as one does whose driver has crashed.</summary>
    private static async GuestTask<int> AwaitEnd(IForks forks, int pid, StandardStreams streams)
    {
        var end = await forks.AwaitEnd(pid);
        if (end.Message is { } message)
            await streams.Errors.Write(Encoding.UTF8.GetBytes(message + "\n"));
        return end.Status;
    }

    private async GuestTask<int> RunCommand(ISystemCalls process, CommandSyntax command, StandardStreams streams)
    {
        if (!_isAlone && process is IForks forks && NeedsChild(command))
        {
            await CurrentPid(process);
            var shell = Subshell(isAlone: true);
            var pid = await forks.Fork(child => shell.RunCommand(child, command, streams));
            if (pid >= 0)
                return await AwaitEnd(forks, pid, streams);
            await Complain(streams, $"can't fork: {((Errno)(-pid)).Message()}");
            return 2;
        }

        var files = new ShellFiles(process, "sh");
        var opened = new List<int>();
        if (command is SimpleCommand { Words: [{ Parts: [{ Kind: WordPartKind.Bare, Text: "exec" }] }] })
            return await RedirectForGood(process, files, command.Redirections, streams);
        if (command is SimpleCommand { Words: [{ Parts: [{ Kind: WordPartKind.Bare, Text: "exec" }] }, _, ..] } replacing)
        {
            Exit();
            return await Subshell(isAlone: true).RunCommand(process, replacing with { Words = [.. replacing.Words.Skip(1)] }, streams);
        }

        var before = _descriptors;
        var redirected = await Redirect(process, files, command.Redirections, streams, opened);
        var status = redirected is { } own ? await Run(process, command, own) : 1;
        foreach (var descriptor in opened)
            await files.Close(descriptor);
        _descriptors = before;
        return status;
    }

    /// <summary>Whether a command is a program or ( LIST ); a program's name is known here when no expansion makes it.</summary>
    private bool NeedsChild(CommandSyntax command)
    {
        if (command is not SimpleCommand simple)
            return command is GroupCommand { IsSubshell: true };
        foreach (var word in simple.Words)
        {
            if (TryAssignment(word, out _, out _))
                continue;
            return word.Parts.All(part => part.Kind is WordPartKind.Bare or WordPartKind.Quoted)
                && string.Concat(word.Parts.Select(part => part.Text)) is var name && IsProgram(name) && !IsFunction(name);
        }

        return false;
    }

    /// <summary>$$: the shell's own pid, also in its children.</summary>
    private async GuestTask<long> CurrentPid(ISystemCalls process) => _pid ??= await process.SystemCall("getpid");

    /// <summary>Does what the program does that a process has become.</summary>
    /// <returns>Its exit status; null where it is no program of ours.</returns>
    internal async GuestTask<int?> RunProgram<TProcess>(TProcess process, ShellStreams streams)
        where TProcess : ISystemCalls, IExecutes
    {
        if (await process.ProgramArguments() is not { Count: > 0 } arguments)
            return null;
        var standard = new StandardStreams(new HostStream(streams.Input ?? Stream.Null), new HostStream(streams.Output), new HostStream(streams.Errors));
        _isAlone = true;
        Variables = ShellEnvironment.Parse(await process.ProgramEnvironment());
        return await RunFound(process, [BaseName(arguments[0]), .. arguments.Skip(1)], standard) & 0xff;
    }

    private async GuestTask<int> RunNamed(ISystemCalls process, List<string> words, StandardStreams streams)
    {
        if (words.Count == 0)
            return 0;
        if (IsFunction(words[0]))
            return await RunFunction(process, words, streams);
        if (_isAlone && process is IExecutes program && IsProgram(words[0]))
        {
            var path = words[0].Contains('/') ? words[0] : $"/bin/{words[0]}";
            if (await program.Execute(path, words, ShellEnvironment.Variables) is var error and not Errno.OK)
            {
                await Complain(streams, $"{words[0]}: {(error == Errno.ENOENT ? "not found" : error.Message())}");
                return error == Errno.ENOENT ? NotFound : NotExecutable;
            }

            if (await program.ProgramArguments() is not [var name, .. var arguments])
            {
                await Complain(streams, $"{words[0]}: machine code of user space is not executed");
                return NotExecutable;
            }

            words = [BaseName(name), .. arguments];
            streams = streams.For(new ShellFiles(process, words[0]));
        }

        return await RunFound(process, words, streams);
    }

    private async GuestTask<int> RunFound(ISystemCalls process, List<string> words, StandardStreams streams)
    {
        if (CommandTable.Find(words[0]) is not { } command)
        {
            await Complain(streams, $"{words[0]}: not found{HelpHint}");
            return NotFound;
        }

        process.SetName(words[0]); // a module's init function is to find insmod, which makes no system call before it
        var context = new CommandContext(this, process, words[0], words[1..], streams);
        var status = await command.Run(context);
        await context.Flush();
        return status == 0 && context.OutputFailed ? 1 : status;
    }

    /// <summary>Whether a name is one of a program, or the path of one.</summary>
    private static bool IsProgram(string name) => name.Contains('/') || CommandTable.IsProgram(name);

    private static string BaseName(string path) => path[(path.LastIndexOf('/') + 1)..];
}
