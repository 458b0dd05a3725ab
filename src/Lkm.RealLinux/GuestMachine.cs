using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>A running QEMU whose guest has reached its init, and takes commands (<see cref="GuestProtocol"/>).</summary>
public sealed class GuestMachine : IDisposable
{
    /// <summary>Beyond the time that the guest itself enforces for a command: QEMU is ended then.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan s_monitorLimit = TimeSpan.FromSeconds(30);

    /// <summary>For a block of a file. The guest needs a fraction of a second of a processor; on a host where dozens wait for one, that takes long.</summary>
    private static readonly TimeSpan s_transferLimit = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly string _folder;
    private readonly Task<string> _errors;
    private Task<string?>? _line;

    private GuestMachine(Process process, string folder)
    {
        _process = process;
        _folder = folder;
        _errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.AutoFlush = true;
    }

    private string MonitorPath => Path.Combine(_folder, "monitor");

    /// <summary>Boots.</summary>
    /// <param name="image">The kernel's image.</param>
    /// <param name="root">The file of the first root folder.</param>
    /// <param name="memory">What QEMU takes for the machine's memory.</param>
    /// <param name="kernelArguments">More of the kernel's command line.</param>
    /// <param name="limit">How long it may take until init asks for commands.</param>
    internal static Outcome<GuestMachine> Boot(string image, string root, IEnumerable<string> memory, string kernelArguments, TimeSpan limit)
    {
        GuestMachine machine = Start(
        [
            .. memory, "-kernel", image, "-initrd", root,
            // On a busy host the check whether timer interrupts arrive fails, and the kernel panics: it is skipped.
            "-append", $"console={Qemu.Console} quiet loglevel=1 log_buf_len=4M panic=-1 no_timer_check {kernelArguments}",
        ]);
        var console = new StringBuilder();
        while (machine.ReadLine(limit) is { } line)
        {
            if (line == GuestProtocol.Ready)
                return machine;
            console.Append(line).Append('\n');
        }
        string how = machine._process.HasExited ? "ended before it reached its init" : $"did not reach its init within {limit.TotalSeconds:0} s";
        string error = machine.Describe($"{Path.GetFileName(image)} {how} under QEMU", PanicOf(console.ToString()));
        machine.Dispose();
        return Outcome<GuestMachine>.Failure(error);
    }

    /// <summary>Goes on from a saved state.</summary>
    internal static Outcome<GuestMachine> Restore(string state, IEnumerable<string> memory)
    {
        GuestMachine machine = Start([.. memory, "-incoming", "defer"]);
        string? error;
        using (QemuMonitor? monitor = machine.Connect())
            error = monitor is null ? machine.Describe("QEMU did not start", "") : monitor.Restore(state);
        if (error is null)
            return machine;
        machine.Dispose();
        return Outcome<GuestMachine>.Failure(error);
    }

    /// <summary>Stops the machine and saves what is not memory.</summary>
    /// <returns>Null, or what failed.</returns>
    internal string? Save(string path)
    {
        using QemuMonitor? monitor = Connect();
        return monitor is null ? Describe("QEMU's monitor does not answer", "") : monitor.Save(path);
    }

    /// <summary>Puts a file into the guest, over the serial port: some 150 kB a second.</summary>
    /// <param name="guestPath">Where it shall lie; its folder exists.</param>
    /// <param name="contents">What is in it.</param>
    /// <returns>Null, or what failed.</returns>
    public string? Send(string guestPath, ReadOnlySpan<byte> contents)
    {
        var packed = new MemoryStream();
        using (var packer = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            packer.Write(contents);
        int blocks = (int)((packed.Length + GuestProtocol.BlockSize - 1) / GuestProtocol.BlockSize);
        byte[] bytes = packed.ToArray();
        Array.Resize(ref bytes, blocks * GuestProtocol.BlockSize);
        try
        {
            _process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"file {guestPath} {blocks} {packed.Length}"));
            for (int i = 0; i < blocks && Await(GuestProtocol.Next, s_transferLimit); i++)
            {
                _process.StandardInput.BaseStream.Write(bytes, i * GuestProtocol.BlockSize, GuestProtocol.BlockSize);
                _process.StandardInput.BaseStream.Flush();
            }
            return Await(GuestProtocol.Taken, s_transferLimit) ? null : Describe($"{guestPath} could not be sent to the guest", "");
        }
        catch (IOException)
        {
            return Describe($"{guestPath} could not be sent to the guest", "");
        }
    }

    /// <summary>Runs a command with the guest's shell.</summary>
    /// <param name="command">A line, or several, for busybox's ash.</param>
    /// <param name="limit">How long it may take.</param>
    /// <returns>What it did; without a status when the guest died, or the time ran out in a way that the guest did not survive.</returns>
    public GuestResult Run(string command, TimeSpan limit) => Run([new GuestCommand(command)], limit)[0];

    /// <summary>
    /// Runs commands one after the other. The guest has the next one before it is done with the last: time that the host takes to hand it over would
    /// be many times as long for the guest, whose idle time is passed over.
    /// </summary>
    /// <param name="commands">The commands.</param>
    /// <param name="limit">How long each may take.</param>
    /// <returns>What each did; none of those that a required one before them has left out, or that the guest did not live to see.</returns>
    public IReadOnlyList<GuestResult> Run(IReadOnlyList<GuestCommand> commands, TimeSpan limit)
    {
        string[] asked = [.. commands.Select(command => GuestProtocol.Ask(command, limit))];
        var results = new List<GuestResult>();
        int sent = 0, ahead = 0;
        for (int i = 0; i < commands.Count; i++)
        {
            var reader = new GuestResultReader(commands[i].Text);
            try
            {
                if (i == 0)
                    _process.StandardInput.WriteLine(GuestProtocol.Begin);
                for (; sent < commands.Count && (sent == i || ahead + asked[sent].Length < GuestProtocol.BlockSize); ahead += asked[sent++].Length)
                    _process.StandardInput.Write(asked[sent]);
                while (!reader.IsDone && ReadLine(limit + s_grace) is { } line)
                    reader.Add(line);
            }
            catch (IOException)
            {
                // It is gone: the result has no status.
            }

            ahead -= asked[i].Length;
            if (!reader.WasLeftOut)
                results.Add(reader.Result);
            if (reader.IsDone)
                continue;
            Kill();
            break;
        }

        return results;
    }

    /// <summary>Whether it can take another command.</summary>
    public bool IsAlive => !_process.HasExited;

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static GuestMachine Start(IEnumerable<string> arguments)
    {
        string folder = Directory.CreateTempSubdirectory("lkm-qemu-").FullName;
        return new GuestMachine(Qemu.Start(["-qmp", $"unix:{Path.Combine(folder, "monitor")},server=on,wait=off", .. arguments]), folder);
    }

    private QemuMonitor? Connect() => QemuMonitor.Connect(MonitorPath, () => _process.HasExited, s_monitorLimit);

    private void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    private bool Await(string mark, TimeSpan limit)
    {
        while (ReadLine(limit) is { } line)
        {
            if (line == mark)
                return true;
        }
        return false;
    }

    /// <summary>A line of the console; null when there is none within the time, or never will be.</summary>
    private string? ReadLine(TimeSpan limit)
    {
        _line ??= _process.StandardOutput.ReadLineAsync();
        if (!_line.Wait(limit))
            return null;
        string? line = _line.Result;
        _line = null;
        return line?.Replace("\r", "", StringComparison.Ordinal);
    }

    /// <summary>From where the kernel says that it gives up, if it does.</summary>
    private static string PanicOf(string console)
    {
        int panic = console.IndexOf("Kernel panic", StringComparison.Ordinal);
        return panic < 0 ? console : console[panic..].Split('\n')[0];
    }

    private string Describe(string what, string console)
    {
        const int tail = 200;
        Kill();
        string said = $"{_errors.Result.Trim()} {console.Trim()}".Trim();
        return said.Length == 0 ? what : $"{what}; it said: {said[Math.Max(0, said.Length - tail)..].ReplaceLineEndings(" ")}";
    }
}
