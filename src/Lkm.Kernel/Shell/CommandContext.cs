using System.Text;
using System.Text.Json;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell;

/// <summary>The three streams of a command.</summary>
internal readonly record struct StandardStreams(IByteSource Input, IByteSink Output, IByteSink Errors)
{
    /// <summary>The same for a program that a child of the shell has become: it reads and writes what the shell had opened, in its own name.</summary>
    public StandardStreams For(ShellFiles program) => new(
        Input is DescriptorStream input ? input.For(program) : Input,
        Output is DescriptorStream output ? output.For(program) : Output,
        Errors is DescriptorStream errors ? errors.For(program) : Errors);
}

/// <summary>One run of a command: its arguments, its streams and the process that it runs in.</summary>
internal sealed class CommandContext(KernelShell shell, ISystemCalls process, string name, List<string> arguments, StandardStreams streams)
{
    private const int FlushLength = 32 * 1024;

    private readonly MemoryStream _output = new();

    /// <summary>The shell.</summary>
    public KernelShell Shell => shell;

    /// <summary>The command's name.</summary>
    public string Name => name;

    /// <summary>The words behind the name.</summary>
    public List<string> Arguments => arguments;

    /// <summary>All three streams.</summary>
    public StandardStreams Streams => streams;

    /// <summary>Standard input.</summary>
    public IByteSource Input => streams.Input;

    /// <summary>The command's own view of the process, in its name.</summary>
    public ShellFiles Files { get; } = new(process, name);

    /// <summary>Whether standard output could not be written; a command that would write for ever stops then.</summary>
    public bool OutputFailed { get; private set; }

    /// <summary>Adds text to the output.</summary>
    public void Print(string text) => _output.Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Adds bytes to the output.</summary>
    public void Print(ReadOnlySpan<byte> bytes) => _output.Write(bytes);

    /// <summary>Adds a JSON document: one object, with the number of its schema.</summary>
    public void PrintJson(Action<Utf8JsonWriter> writeMembers)
    {
        const int schema = 1;
        using (var json = new Utf8JsonWriter(_output))
        {
            json.WriteStartObject();
            json.WriteNumber("schema", schema);
            writeMembers(json);
            json.WriteEndObject();
        }

        _output.WriteByte((byte)'\n');
    }

    /// <summary>Writes the output so far, when there is enough of it to be worth a system call.</summary>
    public async GuestTask FlushIfLong()
    {
        if (_output.Length >= FlushLength)
            await Flush();
    }

    /// <summary>Writes the output so far.</summary>
    public async GuestTask Flush()
    {
        var bytes = _output.ToArray();
        _output.SetLength(0);
        if (bytes.Length == 0 || OutputFailed)
            return;
        var error = await streams.Output.Write(bytes);
        OutputFailed = error != Errno.OK;
        if (OutputFailed && error != Errno.EPIPE)
            await streams.Errors.Write(Encoding.UTF8.GetBytes($"{(name is "echo" or "printf" ? "sh" : name)}: write error: {error.Message()}\n"));
    }

    /// <summary>Writes "NAME: MESSAGE" to standard error, behind what was printed so far.</summary>
    public async GuestTask Complain(string message)
    {
        await Flush();
        await streams.Errors.Write(Encoding.UTF8.GetBytes($"{name}: {message}\n"));
    }

    /// <summary>Writes text to standard error as it is.</summary>
    public async GuestTask PrintError(string text)
    {
        await Flush();
        await streams.Errors.Write(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Fails with a message.</summary>
    /// <returns>1, the exit status.</returns>
    public async GuestTask<int> Fail(string message)
    {
        await Complain(message);
        return 1;
    }

    /// <summary>Fails with a message and the error's text.</summary>
    /// <returns>1, the exit status.</returns>
    public GuestTask<int> Fail(string what, Errno error) => Fail($"{what}: {error.Message()}");

    /// <summary>Fails because the arguments do not fit the command.</summary>
    /// <param name="problem">What is wrong; null when the usage says enough.</param>
    public async GuestTask<int> Misused(string? problem = null)
    {
        if (problem is not null)
            await Complain(problem);
        await PrintError($"Usage: {CommandTable.Find(name)?.Usage ?? name}\n");
        return 1;
    }

    /// <summary>Runs an action on each input: the named files ("-" is standard input), or standard input when there are none.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="action">What is done with one.</param>
    /// <returns>0, or 1 when a file could not be opened or read.</returns>
    public async GuestTask<int> ForEachInput(IReadOnlyList<string> paths, Func<string, IByteSource, GuestTask<Errno>> action)
    {
        if (paths.Count == 0)
            paths = ["-"];
        var status = 0;
        foreach (var path in paths)
        {
            var descriptor = path == "-" ? 0 : await Files.Open(path, OpenFlags.ReadOnly);
            if (descriptor < 0)
            {
                status = await Fail(CannotOpen(path), (Errno)(-descriptor));
                continue;
            }

            var error = await action(path, path == "-" ? streams.Input : new DescriptorStream(Files, descriptor));
            if (path != "-")
                await Files.Close(descriptor);
            if (error != Errno.OK)
                status = await Fail("read error", error);
            if (OutputFailed)
                return 1;
        }

        return status;
    }

    /// <summary>Writes to standard output directly, past what is collected: one write for one piece.</summary>
    public async GuestTask WriteThrough(ReadOnlyMemory<byte> bytes)
    {
        await Flush();
        _output.Write(bytes.Span);
        await Flush();
    }

    private string CannotOpen(string path) => name is "cat" or "tail" or "dd" or "more" or "less" ? $"can't open '{path}'" : path;
}
