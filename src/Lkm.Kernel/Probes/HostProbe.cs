using Lkm.Formats.Btf;

namespace Lkm.Kernel.Probes;

/// <summary>A probe that is set.</summary>
public sealed class HostProbe
{
    internal HostProbe(
        ProbeExpression expression, ulong address, IReadOnlyList<(string Label, Func<ulong> Read, BtfType Type)> fields, BtfType returnType,
        Action<ProbeEvent> hit, bool withStack)
    {
        Hit = hit;
        WithStack = withStack;
        Expression = expression;
        Address = address;
        Fields = fields;
        ReturnType = returnType;
    }

    /// <summary>What was asked for.</summary>
    public ProbeExpression Expression { get; }

    /// <summary>Where the function is caught: behind the place that ftrace and kprobes use, so that both see each other's calls.</summary>
    public ulong Address { get; }

    /// <summary>How often the function was called.</summary>
    public long Hits { get; internal set; }

    /// <summary>Told of each call and return.</summary>
    internal Action<ProbeEvent> Hit { get; }

    /// <summary>Whether events have the callers.</summary>
    internal bool WithStack { get; }

    internal IReadOnlyList<(string Label, Func<ulong> Read, BtfType Type)> Fields { get; }

    internal BtfType ReturnType { get; }
}

/// <summary>A call of a probed function, or its return.</summary>
/// <param name="Probe">The probe.</param>
/// <param name="Nanoseconds">Virtual time since boot.</param>
/// <param name="Pid">The process.</param>
/// <param name="Comm">Its name.</param>
/// <param name="Fields">The values asked for, as text; at a return the one value is called <c>$ret</c>.</param>
/// <param name="IsReturn">Whether it is the return.</param>
/// <param name="CalledFor">At a return, how long the call took, in virtual nanoseconds.</param>
/// <param name="Stack">Where it was called from, nearest first; empty unless asked for.</param>
public sealed record ProbeEvent(
    HostProbe Probe, long Nanoseconds, int Pid, string Comm, IReadOnlyList<(string Label, string Value)> Fields, bool IsReturn, long CalledFor,
    IReadOnlyList<string> Stack);
