using System.Text;
using System.Text.Json;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Daemon;

/// <summary>
/// <c>dmesg</c> for a client: the kernel's log, and with <c>--follow</c> what comes. It is read beside the guest, so that it can be read whatever
/// the guest is doing, also when it will never do anything again.
/// </summary>
internal sealed class LogFollower : IFollower
{
    private const int Schema = 1;

    private readonly ResidentKernel _kernel;
    private readonly ClientConnection _client;
    private readonly bool _json;
    private int _lost;

    private LogFollower(ResidentKernel kernel, ClientConnection client, bool json)
    {
        _kernel = kernel;
        _client = client;
        _json = json;
    }

    /// <summary>Starts to tell the client; without <c>--follow</c> that ends with what is there.</summary>
    /// <returns>What is to be ended when the client has enough; null when it gets what is there only.</returns>
    public static LogFollower? Start(ResidentKernel kernel, ClientConnection client, string[] options)
    {
        var follows = options.Contains("--follow");
        var follower = new LogFollower(kernel, client, options.Contains("--json"));
        kernel.Ask(guest =>
        {
            guest.Log.Flush();
            follower.Tell(guest.Log.Since(guest.Log.Cleared), follows);
            if (follows)
                guest.Log.Written += follower.Tell;
            else
                client.Exit(0);
            return true;
        });
        return follows ? follower : null;
    }

    /// <inheritdoc/>
    public Task End() => _kernel.Ask(guest =>
    {
        guest.Log.Written -= Tell;
        return true;
    });

    private void Tell(IEnumerable<LogRecord> records, bool follows)
    {
        if (_json && !follows)
        {
            Send(json =>
            {
                json.WriteStartObject();
                json.WriteNumber("schema", Schema);
                json.WriteStartArray("messages");
                foreach (LogRecord record in records)
                    Write(json, record);
                json.WriteEndArray();
                json.WriteEndObject();
            });
            return;
        }
        foreach (LogRecord record in records)
            Write(record);
    }

    /// <summary>A message has come. A client that does not read them gets as many as fit, and the number of those that did not.</summary>
    private void Tell(LogRecord record)
    {
        if (_client.IsFull)
        {
            _lost++;
            return;
        }
        if (_lost > 0)
            _client.Write(2, Encoding.UTF8.GetBytes($"lkm: {_lost} messages came too fast and are left out; see lkm dmesg\n"));
        _lost = 0;
        Write(record);
    }

    private void Write(LogRecord record)
    {
        if (_json)
            Send(json => Write(json, record));
        else
            _client.Write(1, Encoding.UTF8.GetBytes(record.Format() + "\n"));
    }

    private void Send(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            write(json);
        stream.WriteByte((byte)'\n');
        _client.Write(1, stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    private static void Write(Utf8JsonWriter json, LogRecord record)
    {
        json.WriteStartObject();
        json.WriteNumber("nanoseconds", record.Nanoseconds);
        json.WriteNumber("level", record.Level);
        json.WriteString("text", record.Text);
        json.WriteEndObject();
    }
}
