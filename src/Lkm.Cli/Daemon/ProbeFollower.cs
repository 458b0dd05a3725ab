using System.Globalization;
using System.Text;
using Lkm.Cli.Running;
using Lkm.Formats;
using Lkm.Kernel;
using Lkm.Kernel.Probes;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Daemon;

/// <summary>
/// <c>probe [--count N] [--stack] [--do LINE]... PROBE...</c> for a client: each call of the functions that it watches, and at the end how many
/// there were. Probes of several clients do not know of each other.
/// </summary>
internal sealed class ProbeFollower : IFollower
{
    private readonly ResidentKernel _kernel;
    private readonly ClientConnection _client;
    private readonly List<ProbeExpression> _expressions = [];
    private readonly List<string> _lines = [];
    private readonly List<HostProbe> _probes = [];
    private long _limit = long.MaxValue, _lost;
    private bool _withStack;

    private ProbeFollower(ResidentKernel kernel, ClientConnection client) => (_kernel, _client) = (kernel, client);

    /// <summary>The lines of the shell that the probes are for; empty to watch until the client has enough.</summary>
    public string Lines => string.Join("; ", _lines);

    /// <summary>Sets the probes.</summary>
    /// <returns>Null when the arguments are wrong or cannot be watched; the client has been told why.</returns>
    public static ProbeFollower? Start(ResidentKernel kernel, ClientConnection client, string[] arguments)
    {
        var follower = new ProbeFollower(kernel, client);
        string? error = follower.Read(arguments) ?? kernel.Ask(follower.Add).Result;
        if (error is null)
            return follower;
        client.Write(2, Encoding.UTF8.GetBytes($"lkm: {error}\n"));
        return null;
    }

    /// <inheritdoc/>
    public Task End() => _kernel.Ask(guest =>
    {
        foreach (HostProbe probe in _probes)
        {
            guest.Probes.Remove(probe);
            _client.Write(1, Encoding.UTF8.GetBytes(ProbeText.Summary(probe)));
        }
        if (_lost > 0)
            _client.Write(2, Encoding.UTF8.GetBytes($"lkm: {_lost} events came too fast and are left out\n"));
        return true;
    });

    private string? Read(string[] arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--stack":
                    _withStack = true;
                    break;
                case "--do" when i + 1 < arguments.Length:
                    _lines.Add(arguments[++i]);
                    break;
                case "--count" when i + 1 < arguments.Length:
                    if (!long.TryParse(arguments[++i], NumberStyles.None, CultureInfo.InvariantCulture, out _limit))
                        return $"--count {arguments[i]}: a number is needed";
                    break;
                default:
                    if (!ProbeExpression.Parse(arguments[i]).TryGet(out ProbeExpression? expression, out FormatError? error))
                        return error.ToString();
                    _expressions.Add(expression);
                    break;
            }
        }
        return null;
    }

    private string? Add(UserModeKernel guest)
    {
        foreach (ProbeExpression expression in _expressions)
        {
            if (guest.Probes.Add(expression, Tell, _withStack).TryGet(out HostProbe? probe, out FormatError? error))
            {
                _probes.Add(probe);
                continue;
            }
            foreach (HostProbe set in _probes)
                guest.Probes.Remove(set);
            return error.Reason;
        }
        return null;
    }

    /// <summary>A client that does not read gets as many as fit: the guest does not wait for who watches it.</summary>
    private void Tell(ProbeEvent hit)
    {
        if (hit.Probe.Hits > _limit)
            return;
        if (_client.IsFull)
            _lost++;
        else
            _client.Write(1, Encoding.UTF8.GetBytes(ProbeText.Format(hit)));
    }
}
