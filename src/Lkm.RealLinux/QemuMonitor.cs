using System.Net.Sockets;
using System.Text.Json;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>QEMU's monitor: one JSON object a line each way (docs/interop/qmp-spec).</summary>
internal sealed class QemuMonitor : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);

    private readonly Socket _socket;
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    private QemuMonitor(Socket socket)
    {
        _socket = socket;
        var stream = new NetworkStream(socket);
        _reader = new StreamReader(stream);
        _writer = new StreamWriter(stream) { AutoFlush = true };
    }

    /// <summary>Connects as soon as QEMU listens.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="isGone">Whether waiting is in vain.</param>
    /// <param name="limit">How long to wait for each answer.</param>
    /// <returns>Null when QEMU ended, or never listened.</returns>
    public static QemuMonitor? Connect(string path, Func<bool> isGone, TimeSpan limit)
    {
        DateTime end = DateTime.UtcNow + limit;
        while (!isGone() && DateTime.UtcNow < end)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)limit.TotalMilliseconds };
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                var monitor = new QemuMonitor(socket);
                monitor._reader.ReadLine(); // the greeting
                monitor.Execute("qmp_capabilities");
                return monitor;
            }
            catch (SocketException)
            {
                socket.Dispose();
                Thread.Sleep(s_pause);
            }
        }
        return null;
    }

    /// <summary>Writes everything but the memory to a file: the memory is one already.</summary>
    /// <returns>Null, or what failed.</returns>
    public string? Save(string path) =>
        Execute("stop").Error ?? SkipMemory() ?? Execute("migrate", $$"""{"uri":"exec:cat >{{Quote(path)}}"}""").Error ?? Await("query-migrate", "completed");

    /// <summary>Goes on from where <see cref="Save"/> stopped.</summary>
    /// <returns>Null, or what failed.</returns>
    public string? Restore(string path) =>
        SkipMemory() ?? Execute("migrate-incoming", $$"""{"uri":"exec:cat <{{Quote(path)}}"}""").Error ?? Await("query-status", "paused") ?? Execute("cont").Error;

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }

    private string? SkipMemory() =>
        Execute("migrate-set-capabilities", """{"capabilities":[{"capability":"x-ignore-shared","state":true}]}""").Error;

    private string? Await(string query, string wanted)
    {
        for (; ; )
        {
            Outcome<string> answer = Execute(query);
            if (!answer.Succeeded || answer.Value == wanted)
                return answer.Error;
            if (answer.Value is "failed" or "cancelled" or "internal-error")
                return $"{query} says {answer.Value}";
            Thread.Sleep(s_pause);
        }
    }

    /// <summary>A shell is between: the path in single quotes, and these for JSON.</summary>
    private static string Quote(string path) => JsonEncodedText.Encode($"'{path.Replace("'", @"'\''", StringComparison.Ordinal)}'").ToString();

    /// <summary>Executes a command; gives its <c>status</c>, or "" when it has none.</summary>
    private Outcome<string> Execute(string command, string arguments = "{}")
    {
        try
        {
            _writer.WriteLine($$"""{"execute":"{{command}}","arguments":{{arguments}}}""");
            while (_reader.ReadLine() is { } line)
            {
                using var answer = JsonDocument.Parse(line);
                if (answer.RootElement.TryGetProperty("error", out JsonElement error))
                    return Outcome<string>.Failure($"QEMU refused {command}: {error.GetProperty("desc").GetString()}");
                if (answer.RootElement.TryGetProperty("return", out JsonElement value))
                    return value.TryGetProperty("status", out JsonElement status) ? status.GetString()! : "";
            }
            return Outcome<string>.Failure($"QEMU ended at {command}");
        }
        catch (Exception broken) when (broken is IOException or JsonException)
        {
            return Outcome<string>.Failure($"QEMU did not answer {command}: {broken.Message}");
        }
    }
}
