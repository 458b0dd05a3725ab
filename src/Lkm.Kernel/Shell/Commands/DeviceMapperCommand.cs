using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>dmsetup, by the ioctls of /dev/mapper/control (drivers/md/dm-ioctl.c).</summary>
internal sealed class DeviceMapperCommand
{
    private const string Folder = "/dev/mapper";
    private const string Control = Folder + "/control";
    private const int AnswerRoom = 16 * 1024;

    private readonly CommandContext _c;
    private readonly int _control;

    private DeviceMapperCommand(CommandContext c, int control)
    {
        _c = c;
        _control = control;
    }

    /// <summary>DM_*_CMD.</summary>
    private enum Request : uint
    {
        ListDevices = 2,
        Create = 3,
        Remove = 4,
        Suspend = 6,
        Status = 7,
        LoadTable = 9,
        TableStatus = 12,
    }

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "t:r", ("table", 't'), ("readonly", 'r'));
        if (options.Problem is not null || options.Operands.Count is 0 or > 2)
            return await c.Misused(options.Problem);
        var verb = options.Operands[0];
        var name = options.Operands.Count > 1 ? options.Operands[1] : null;
        if (name is not null && Encoding.UTF8.GetByteCount(name) >= DeviceMapperRequest.NameLength)
            return await c.Fail($"{name}", Errno.ENAMETOOLONG);
        if (verb is not ("create" or "remove" or "suspend" or "resume" or "ls" or "info" or "table" or "status")
            || (name is null && verb is "create" or "remove" or "suspend" or "resume"))
        {
            return await c.Misused();
        }

        List<DeviceMapperTarget>? table = null;
        if (verb == "create" && (table = await ReadTable(c, options.Value('t'))) is null)
            return 1;
        var control = await OpenControl(c);
        if (control < 0)
            return await c.Fail($"can't open '{Control}'", (Errno)(-control));
        var command = new DeviceMapperCommand(c, control);
        var status = verb switch
        {
            "create" => await command.Create(name!, table!, options.Has('r') ? DeviceMapperFlags.ReadOnly : 0),
            "remove" => await command.Remove(name!),
            "suspend" => await command.Try("suspend", Request.Suspend, DeviceMapperRequest.Make(name!, DeviceMapperFlags.Suspended)),
            "resume" => await command.Try("resume", Request.Suspend, DeviceMapperRequest.Make(name!)),
            "ls" => await command.List(),
            _ => await command.Describe(verb, name),
        };
        await c.Files.Close(control);
        return status;
    }

    private static async GuestTask<List<DeviceMapperTarget>?> ReadTable(CommandContext c, string? given)
    {
        if (given is null)
        {
            using var content = new MemoryStream();
            ReadResult read;
            while (!(read = await c.Input.Read(AnswerRoom)).IsEnd)
                content.Write(read.Bytes);
            given = Encoding.UTF8.GetString(content.ToArray());
        }

        var targets = new List<DeviceMapperTarget>();
        foreach (var line in given.Split('\n'))
        {
            if (line.AsSpan().Trim().IsEmpty || line.TrimStart().StartsWith('#'))
                continue;
            if (!DeviceMapperTarget.TryParse(line, out var target))
            {
                await c.Complain($"invalid format of table line '{line}': START LENGTH TYPE [ARGUMENTS]");
                return null;
            }

            targets.Add(target);
        }

        if (targets.Count == 0)
            await c.Complain("a table is needed: --table 'START LENGTH TYPE [ARGUMENTS]', or lines on standard input");
        return targets.Count == 0 ? null : targets;
    }

    /// <summary>Opens the control device; makes its file where nothing else has. Opening that loads dm-mod, by its alias.</summary>
    private static async GuestTask<int> OpenControl(CommandContext c)
    {
        var control = await c.Files.Open(Control, OpenFlags.ReadWrite);
        if (control != -(int)Errno.ENOENT)
            return control;
        const uint miscMajor = 10, mapperControlMinor = 236;
        await c.Files.CallPath("mkdir", Folder, 0x1ed /* 0755 */);
        await c.Files.CallPath("mknod", Control, (uint)FileType.CharacterDevice | 0x180 /* 0600 */, DeviceNumber.Make(miscMajor, mapperControlMinor));
        return await c.Files.Open(Control, OpenFlags.ReadWrite);
    }

    private async GuestTask<int> Create(string name, List<DeviceMapperTarget> table, DeviceMapperFlags flags)
    {
        var (device, error) = await Call(Request.Create, DeviceMapperRequest.Make(name));
        if (error != Errno.OK)
            return await Fail("create", name, error);
        var status = await Try("reload", Request.LoadTable, DeviceMapperRequest.Make(name, flags, 0, table));
        if (status == 0)
            status = await Try("resume", Request.Suspend, DeviceMapperRequest.Make(name));
        if (status != 0)
        {
            await Call(Request.Remove, DeviceMapperRequest.Make(name));
            return status;
        }

        // The kernel names it dm-N; its own name is user space's business.
        var path = ShellFiles.Combine(Folder, name);
        error = await _c.Files.CallPath("mknod", path, (uint)FileType.BlockDevice | 0x180, device.Device);
        return error is Errno.OK or Errno.EEXIST ? 0 : await _c.Fail(path, error);
    }

    private async GuestTask<int> Remove(string name)
    {
        var status = await Try("remove", Request.Remove, DeviceMapperRequest.Make(name));
        if (status == 0)
            await _c.Files.CallPath("unlink", ShellFiles.Combine(Folder, name));
        return status;
    }

    private async GuestTask<int> List()
    {
        var (answer, error) = await Call(Request.ListDevices, DeviceMapperRequest.Make("", room: AnswerRoom));
        if (error != Errno.OK)
            return await Fail("list", "", error);
        var devices = answer.Devices();
        foreach (var (name, device) in devices)
            _c.Print($"{name}\t({DeviceNumber.Major(device)}:{DeviceNumber.Minor(device)})\n");
        if (devices.Count == 0)
            _c.Print("No devices found\n");
        return 0;
    }

    private async GuestTask<int> Describe(string verb, string? only)
    {
        var names = new List<string>();
        if (only is not null)
        {
            names.Add(only);
        }
        else
        {
            var (answer, error) = await Call(Request.ListDevices, DeviceMapperRequest.Make("", room: AnswerRoom));
            if (error != Errno.OK)
                return await Fail("list", "", error);
            names.AddRange(answer.Devices().Select(d => d.Name));
            if (names.Count == 0)
                _c.Print("No devices found\n");
        }

        var status = 0;
        foreach (var name in names)
            status |= verb == "info" ? await Info(name) : await Targets(verb, name, only is null ? $"{name}: " : "");
        return status;
    }

    private async GuestTask<int> Info(string name)
    {
        var (answer, error) = await Call(Request.Status, DeviceMapperRequest.Make(name));
        if (error != Errno.OK)
            return await Fail("info", name, error);
        var tables = (answer.Flags & (DeviceMapperFlags.ActivePresent | DeviceMapperFlags.InactivePresent)) switch
        {
            0 => "None",
            DeviceMapperFlags.ActivePresent => "LIVE",
            DeviceMapperFlags.InactivePresent => "INACTIVE",
            _ => "LIVE & INACTIVE",
        };
        var readOnly = answer.Flags.HasFlag(DeviceMapperFlags.ReadOnly) ? " (READ-ONLY)" : "";
        _c.Print($"""
            Name:              {name}
            State:             {(answer.Flags.HasFlag(DeviceMapperFlags.Suspended) ? "SUSPENDED" : "ACTIVE")}{readOnly}
            Tables present:    {tables}
            Open count:        {answer.OpenCount}
            Event number:      {answer.EventNumber}
            Major, minor:      {DeviceNumber.Major(answer.Device)}, {DeviceNumber.Minor(answer.Device)}
            Number of targets: {answer.TargetCount}


            """);
        return 0;
    }

    private async GuestTask<int> Targets(string verb, string name, string prefix)
    {
        var flags = verb == "table" ? DeviceMapperFlags.StatusTable : 0;
        var (answer, error) = await Call(Request.TableStatus, DeviceMapperRequest.Make(name, flags, AnswerRoom));
        if (error == Errno.OK && answer.Flags.HasFlag(DeviceMapperFlags.BufferFull))
            error = Errno.ENOBUFS;
        if (error != Errno.OK)
            return await Fail(verb, name, error);
        foreach (var target in answer.Targets())
            _c.Print($"{prefix}{target.Start} {target.Length} {target.Type} {target.Text}\n");
        return 0;
    }

    private async GuestTask<int> Try(string verb, Request request, DeviceMapperRequest argument)
    {
        var (_, error) = await Call(request, argument);
        return error == Errno.OK ? 0 : await Fail(verb, _c.Arguments.Count > 1 ? _c.Arguments[1] : "", error);
    }

    private GuestTask<int> Fail(string verb, string name, Errno error) => _c.Fail($"{verb} ioctl on {name} failed", error);

    private async GuestTask<(DeviceMapperRequest Answer, Errno Error)> Call(Request request, DeviceMapperRequest argument)
    {
        const uint readWrite = 3, deviceMapper = 0xfd;
        if (argument.Bytes.Length > _c.Files.Process.BufferLength)
            return (argument, Errno.E2BIG);
        var address = await _c.Files.Process.Put(argument.Bytes);
        var number = IoctlRequest.Make(readWrite, deviceMapper, (uint)request, DeviceMapperRequest.HeaderLength);
        var error = ShellFiles.ErrorOf(await _c.Files.Call("ioctl", (ulong)_control, number, address));
        return error == Errno.OK
            ? (DeviceMapperRequest.FromAnswer(await _c.Files.Get(address, argument.Bytes.Length)), error)
            : (argument, error);
    }
}
