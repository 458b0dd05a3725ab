using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// parse_args() and parse_one() of kernel/params.c. The text is split by the image's next_arg(), values are set by the module's own
// kernel_param_ops.
internal sealed partial class ModuleLoad
{
    private const byte FlagUnsafe = 1, FlagHardware = 2;
    private const uint OpsFlagNoArgument = 1;

    private async GuestTask<Refusal?> ParseArguments()
    {
        if (_kernel.Image.TrySymbol("async_probe", out var asyncProbe))
            _module.WriteFlag("async_probe_requested", Memory.ReadByte(asyncProbe) != 0);
        var pointers = await _kernel.Allocate(16);
        if (pointers == 0)
            return Refuse(Errno.ENOMEM, "cannot be loaded: there is no memory left");
        var rest = _module.Read("args");
        while (Memory.ReadByte(rest) is (byte)' ' or (>= 9 and <= 13))
            rest++;
        Refusal? refusal = null;
        while (Memory.ReadByte(rest) != 0)
        {
            rest = await _kernel.Call("next_arg", rest, pointers, pointers + 8);
            var (parameter, value) = (Memory.ReadUInt64(pointers), Memory.ReadUInt64(pointers + 8));
            var name = _kernel.Text(parameter);
            if (value == 0 && name == "--")
            {
                _kernel.Warn($"{Name}: parameters '{_kernel.Text(rest)}' after `--' ignored");
                break;
            }

            refusal = await SetParameter(parameter, name, value) ?? refusal;
        }

        await _kernel.Free(pointers);
        return refusal;
    }

    /// <summary>Sets one parameter. Like Linux, goes on after an error, and the last error counts.</summary>
    private async GuestTask<Refusal?> SetParameter(ulong parameter, string name, ulong value)
    {
        var text = value == 0 ? null : _kernel.Text(value);
        var code = await ParseOne(parameter, name, value);
        var left = value == 0 ? "" : _kernel.Text(value); // setters cut lists up in place, and Linux prints what they leave
        _observer?.Invoke(new ParameterSet(Name, name, text, code));
        switch ((Errno)(-code))
        {
            case Errno.OK:
                return null;
            case Errno.ENOENT:
                _kernel.Error($"{Name}: Unknown parameter `{name}'");
                return Refuse(Errno.ENOENT, $"has no parameter {name}");
            case Errno.ENOSPC:
                _kernel.Error($"{Name}: `{left}' too large for parameter `{name}'");
                return Refuse(Errno.ENOSPC, $"does not take '{text}' for its parameter {name}: it is too long");
            default:
                _kernel.Error($"{Name}: `{left}' invalid for parameter `{name}'");
                return new Refusal(code, text is null ? $"{Name} wants a value for its parameter {name}" : $"{Name} does not take '{text}' for its parameter {name}");
        }
    }

    private async GuestTask<int> ParseOne(ulong parameter, string name, ulong value)
    {
        var layout = _kernel.Image.Struct("kernel_param");
        var operations = _kernel.Image.Struct("kernel_param_ops");
        var table = _module.Read("kp");
        for (uint i = 0; i < _module.ReadUInt32("num_kp"); i++)
        {
            var entry = table + (i * layout.Size);
            if (!Equal(_kernel.Text(Memory.ReadUInt64(entry + layout["name"])), name))
                continue;
            var ops = Memory.ReadUInt64(entry + layout["ops"]);
            if (value == 0 && (Memory.ReadUInt32(ops + operations["flags"]) & OpsFlagNoArgument) == 0)
                return -(int)Errno.EINVAL;
            var owner = Memory.ReadUInt64(entry + layout["mod"]);
            await _kernel.Call("kernel_param_lock", owner);
            var code = await IsAllowed(entry + layout["flags"], Memory.ReadUInt64(entry + layout["name"]))
                ? (int)await _kernel.Calls.Call(Memory.ReadUInt64(ops + operations["set"]), value, entry)
                : -(int)Errno.EPERM;
            await _kernel.Call("kernel_param_unlock", owner);
            return code;
        }

        return await SetUnknown(parameter, name, value);
    }

    /// <summary>parameq(): a dash is as good as an underscore.</summary>
    private static bool Equal(string a, string b) => a.Replace('-', '_') == b.Replace('-', '_');

    /// <summary>param_check_unsafe().</summary>
    private async GuestTask<bool> IsAllowed(ulong flags, ulong name)
    {
        var bits = Memory.ReadByte(flags);
        if ((bits & FlagHardware) != 0 && _kernel.Image.Enumerator("LOCKDOWN_MODULE_PARAMETERS") is { } reason && await _kernel.IsLockedDown(reason) != 0)
            return false;
        if ((bits & FlagUnsafe) != 0)
        {
            _kernel.Notice($"Setting dangerous option {_kernel.Text(name)} - tainting kernel");
            await _kernel.AddTaint(Modules.Taint.User);
        }

        return true;
    }

    /// <summary>unknown_module_param_cb(): two parameters that every module has; others are ignored.</summary>
    private async GuestTask<int> SetUnknown(ulong parameter, string name, ulong value)
    {
        if (name == "async_probe" && _kernel.Layout.Find("async_probe_requested") is { } flag)
        {
            if (value == 0 || await _kernel.CallInt("kstrtobool", value, _module.Address + flag) != 0)
                _module.WriteFlag("async_probe_requested", true);
            return 0;
        }

        if (!_kernel.Has("ddebug_dyndbg_module_param_cb")
            || await _kernel.CallInt("ddebug_dyndbg_module_param_cb", parameter, value, _module.Member("name")) != 0)
        {
            _kernel.Warn($"{Name}: unknown parameter '{name}' ignored");
        }

        return 0;
    }
}
