using Lkm.Formats;
using Lkm.Formats.Btf;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Machine;

namespace Lkm.Kernel.Probes;

/// <summary>
/// Probes from outside: functions of the kernel and of modules are watched without a change of the guest, not a byte and not an
/// instruction. The processor stops at the entry, and, for returns, where the call will come back to.
/// </summary>
public sealed class HostProbes
{
    private readonly UserModeKernel _kernel;
    private readonly ModuleSymbols _moduleSymbols;
    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly FunctionTable _functions;
    private readonly Dictionary<ulong, List<HostProbe>> _entries = [];
    private readonly Dictionary<(ulong Task, ulong StackPointer), Stack<(HostProbe Probe, ulong Address, long Since)>> _returns = [];
    private readonly Dictionary<ulong, int> _returnHooks = [];

    internal HostProbes(UserModeKernel kernel, ModuleSymbols moduleSymbols)
    {
        _kernel = kernel;
        _moduleSymbols = moduleSymbols;
        _cpu = kernel.Cpu;
        _memory = kernel.Memory;
        _image = kernel.Image;
        _functions = kernel.Functions;
        kernel.Modules.Unloaded += Forget;
    }

    /// <summary>Sets a probe. One on a module's function goes with the module.</summary>
    /// <param name="expression">What to watch.</param>
    /// <param name="hit">Told of each call and return, on the thread that runs the guest.</param>
    /// <param name="withStack">Whether it is to be told of the callers too.</param>
    /// <returns>The probe; ENOENT when there is no such function or argument.</returns>
    public Result<HostProbe> Add(ProbeExpression expression, Action<ProbeEvent> hit, bool withStack = false)
    {
        var address = expression.Module is { } module ? _moduleSymbols.Find(module, expression.Function) : _image.SymbolOrZero(expression.Function);
        if (address == 0 || (expression.Module is null && !_image.IsText(address)))
            return Missing(expression, $"there is no function {expression.Function}{(expression.Module is null ? "" : $" in {expression.Module}")}");
        var type = expression.Module is null ? _image.FindFunction(expression.Function) : null;
        var fields = new List<(string, Func<ulong>, BtfType)>();
        foreach (var field in expression.Fields ?? AllArguments(type))
        {
            if (!TryRead(field.Source, type, out var read, out var fieldType))
            {
                return Missing(expression, type is null
                    ? $"the kernel's types do not tell of {expression.Function}: name registers"
                    : $"{expression.Function} has no argument {field.Source} in a register: {type}");
            }

            fields.Add((field.Label, read, fieldType));
        }

        var probe = new HostProbe(expression, _functions.EntryPoint(address), fields, type?.ReturnType ?? default, hit, withStack);
        if (!_entries.TryGetValue(probe.Address, out var probes))
        {
            _entries[probe.Address] = probes = [];
            _cpu.Hook(probe.Address);
        }

        probes.Add(probe);
        return probe;
    }

    /// <summary>Takes a probe away; returns that are awaited are still reported.</summary>
    public void Remove(HostProbe probe)
    {
        if (!_entries.TryGetValue(probe.Address, out var probes) || !probes.Remove(probe) || probes.Count > 0)
            return;
        _entries.Remove(probe.Address);
        _kernel.Unhook(probe.Address);
    }

    /// <summary>Whether arrivals at the address are waited for.</summary>
    internal bool Has(ulong address) => _entries.ContainsKey(address) || _returnHooks.ContainsKey(address);

    /// <summary>The module is gone: at its addresses there will be something else.</summary>
    private void Forget(string module)
    {
        if (_entries.Count == 0)
            return;
        foreach (var probe in _entries.Values.SelectMany(probes => probes).Where(probe => probe.Expression.Module == module).ToList())
            Remove(probe);
    }

    /// <summary>The processor stopped at a hooked address: reports what is to be reported there.</summary>
    /// <returns>Whether a probe is the reason of the stop.</returns>
    internal bool Arrive(ulong address)
    {
        var isOurs = false;
        if (_returnHooks.Count > 0 && _returnHooks.ContainsKey(address))
        {
            isOurs = true;
            Return(address);
        }

        if (!_entries.TryGetValue(address, out var probes))
            return isOurs;
        foreach (var probe in probes)
            Enter(probe);
        return true;
    }

    private void Enter(HostProbe probe)
    {
        probe.Hits++;
        var fields = new (string, string)[probe.Fields.Count];
        for (var i = 0; i < fields.Length; i++)
        {
            var (label, read, type) = probe.Fields[i];
            fields[i] = (label, Text(type, read()));
        }

        Report(probe, fields, isReturn: false, 0);
        if (!probe.Expression.WantsReturn)
            return;
        var back = _memory.ReadUInt64(_cpu.Rsp);
        var key = (_kernel.PerCpu.Current, _cpu.Rsp + sizeof(ulong));
        if (!_returns.TryGetValue(key, out var waiting))
            _returns[key] = waiting = [];
        waiting.Push((probe, back, _kernel.Clock.Nanoseconds));
        _returnHooks[back] = _returnHooks.GetValueOrDefault(back) + 1;
        _cpu.Hook(back);
    }

    private void Return(ulong address)
    {
        var key = (_kernel.PerCpu.Current, _cpu.Rsp);
        if (!_returns.TryGetValue(key, out var waiting) || waiting.Peek().Address != address)
            return; // another call that comes back here
        while (waiting.TryPop(out var call))
        {
            Report(call.Probe, [("$ret", Text(call.Probe.ReturnType, _cpu.Rax))], isReturn: true, _kernel.Clock.Nanoseconds - call.Since);
            _returnHooks[address]--;
        }

        _returns.Remove(key);
        if (_returnHooks[address] > 0)
            return;
        _returnHooks.Remove(address);
        if (GuestMemory.Contains(address) && _image.IsText(address))
            _kernel.Unhook(address);
    }

    private string Text(BtfType type, ulong value) =>
        type.Equals(default) ? $"0x{value:x}" : ValueText.Format(_memory, _kernel.Symbolise, type, value);

    private void Report(HostProbe probe, IReadOnlyList<(string, string)> fields, bool isReturn, long calledFor)
    {
        var task = _kernel.PerCpu.Current;
        probe.Hit(new ProbeEvent(
            probe, _kernel.Clock.Nanoseconds, _kernel.Tasks.Pid(task), _kernel.Tasks.Comm(task), fields, isReturn, calledFor,
            probe.WithStack ? _kernel.BackTrace() : []));
    }

    private static List<ProbeField> AllArguments(BtfFunction? type)
    {
        var fields = new List<ProbeField>();
        if (type is null)
            return fields;
        var count = Math.Min(type.Value.Parameters.Count, ProbeRegisters.Arguments);
        for (var i = 0; i < count; i++)
        {
            if (type.Value.Parameters[i].Name is { Length: > 0 } name)
                fields.Add(new ProbeField(name, name));
        }

        return fields;
    }

    private bool TryRead(string source, BtfFunction? function, out Func<ulong> read, out BtfType type)
    {
        type = default;
        if (source[0] == '%')
        {
            var name = source[1..];
            read = () => ProbeRegisters.Read(_cpu, name);
            return true;
        }

        var parameters = function?.Parameters ?? [];
        var index = -1;
        if (source[0] == '$')
            index = int.Parse(source.AsSpan("$arg".Length), System.Globalization.CultureInfo.InvariantCulture) - 1;
        else
        {
            for (var i = 0; i < parameters.Count && index < 0; i++)
                index = parameters[i].Name == source ? i : -1;
        }

        if (index >= 0 && index < parameters.Count)
            type = parameters[index].Type;
        read = () => ProbeRegisters.Argument(_cpu, index);
        return index is >= 0 and < ProbeRegisters.Arguments;
    }

    private static FormatError Missing(ProbeExpression expression, string reason) => new(expression.Function, -1, reason, Errno.ENOENT);
}
