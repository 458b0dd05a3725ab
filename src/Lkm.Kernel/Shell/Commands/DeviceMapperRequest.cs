using System.Buffers.Binary;
using System.Text;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>One line of a device-mapper table or status.</summary>
/// <param name="Start">The first sector, of 512 bytes.</param>
/// <param name="Length">Sectors.</param>
/// <param name="Type">The target's type.</param>
/// <param name="Text">The target's arguments or status.</param>
internal readonly record struct DeviceMapperTarget(ulong Start, ulong Length, string Type, string Text)
{
    /// <summary>Reads a line "START LENGTH TYPE ARGUMENTS".</summary>
    public static bool TryParse(string line, out DeviceMapperTarget target)
    {
        target = default;
        var words = line.Split([' ', '\t'], 4, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 3 || !Numbers.TryUnsigned(words[0], out var start) || !Numbers.TryUnsigned(words[1], out var length)
            || words[2].Length >= DeviceMapperRequest.TypeLength)
        {
            return false;
        }

        target = new DeviceMapperTarget(start, length, words[2], words.Length > 3 ? words[3].TrimEnd() : "");
        return true;
    }
}

/// <summary>struct dm_ioctl and what lies behind it (include/uapi/linux/dm-ioctl.h).</summary>
internal sealed class DeviceMapperRequest
{
    /// <summary>Bytes of struct dm_ioctl.</summary>
    public const int HeaderLength = 312;

    /// <summary>DM_MAX_TYPE_NAME, with the NUL.</summary>
    public const int TypeLength = 16;

    /// <summary>DM_NAME_LEN, with the NUL.</summary>
    public const int NameLength = 128;

    private const int TargetLength = 40;
    private const int DataSize = 12, DataStart = 16, TargetCountAt = 20, OpenCountAt = 24, FlagsAt = 28, EventAt = 32, DeviceAt = 40, NameAt = 48;

    private DeviceMapperRequest(byte[] bytes) => Bytes = bytes;

    /// <summary>What the ioctl takes and gives.</summary>
    public byte[] Bytes { get; }

    /// <summary>target_count.</summary>
    public int TargetCount => BinaryPrimitives.ReadInt32LittleEndian(Bytes.AsSpan(TargetCountAt));

    /// <summary>open_count.</summary>
    public int OpenCount => BinaryPrimitives.ReadInt32LittleEndian(Bytes.AsSpan(OpenCountAt));

    /// <summary>flags: DM_*_FLAG.</summary>
    public DeviceMapperFlags Flags => (DeviceMapperFlags)BinaryPrimitives.ReadUInt32LittleEndian(Bytes.AsSpan(FlagsAt));

    /// <summary>event_nr.</summary>
    public uint EventNumber => BinaryPrimitives.ReadUInt32LittleEndian(Bytes.AsSpan(EventAt));

    /// <summary>dev.</summary>
    public ulong Device => BinaryPrimitives.ReadUInt64LittleEndian(Bytes.AsSpan(DeviceAt));

    /// <summary>Makes a request.</summary>
    /// <param name="name">The device's name, of less than <see cref="NameLength"/> bytes.</param>
    /// <param name="flags">DM_*_FLAG.</param>
    /// <param name="room">Bytes for the answer behind the header.</param>
    /// <param name="targets">The table to load.</param>
    public static DeviceMapperRequest Make(
        string name, DeviceMapperFlags flags = 0, int room = 0, IReadOnlyList<DeviceMapperTarget>? targets = null)
    {
        var table = Encode(targets ?? []);
        var bytes = new byte[HeaderLength + Math.Max(room, table.Length)];
        const uint majorVersion = 4;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, majorVersion);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(DataSize), bytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(DataStart), HeaderLength);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(TargetCountAt), targets?.Count ?? 0);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(FlagsAt), (uint)flags);
        Encoding.UTF8.GetBytes(name, bytes.AsSpan(NameAt, NameLength - 1));
        table.CopyTo(bytes.AsSpan(HeaderLength));
        return new DeviceMapperRequest(bytes);
    }

    /// <summary>Takes over what the ioctl gave.</summary>
    public static DeviceMapperRequest FromAnswer(byte[] bytes) => new(bytes);

    /// <summary>The targets of a DM_TABLE_STATUS answer; next counts from the first of them.</summary>
    public List<DeviceMapperTarget> Targets()
    {
        var targets = new List<DeviceMapperTarget>();
        var data = Data();
        var at = 0;
        for (var i = 0; i < TargetCount && data.Length - at >= TargetLength; i++)
        {
            var spec = data[at..];
            targets.Add(new DeviceMapperTarget(
                BinaryPrimitives.ReadUInt64LittleEndian(spec),
                BinaryPrimitives.ReadUInt64LittleEndian(spec[8..]),
                Text(spec.Slice(24, TypeLength)),
                Text(spec[TargetLength..])));
            var next = BinaryPrimitives.ReadInt32LittleEndian(spec[20..]);
            if (next <= at)
                break;
            at = next;
        }

        return targets;
    }

    /// <summary>The devices of a DM_LIST_DEVICES answer: struct dm_name_list, where next counts from each entry.</summary>
    public List<(string Name, ulong Device)> Devices()
    {
        const int nameOffset = 12;
        var devices = new List<(string, ulong)>();
        var data = Data();
        while (data.Length > nameOffset && BinaryPrimitives.ReadUInt64LittleEndian(data) is var device and not 0)
        {
            devices.Add((Text(data[nameOffset..]), device));
            var next = BinaryPrimitives.ReadInt32LittleEndian(data[8..]);
            if (next <= 0 || next > data.Length)
                break;
            data = data[next..];
        }

        return devices;
    }

    private ReadOnlySpan<byte> Data()
    {
        var start = BinaryPrimitives.ReadInt32LittleEndian(Bytes.AsSpan(DataStart));
        return start >= 0 && start <= Bytes.Length ? Bytes.AsSpan(start) : [];
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    /// <summary>struct dm_target_spec with its arguments for each target; next is the way to the following one.</summary>
    private static byte[] Encode(IReadOnlyList<DeviceMapperTarget> targets)
    {
        using var table = new MemoryStream();
        foreach (var target in targets)
        {
            var text = Encoding.UTF8.GetBytes(target.Text);
            var spec = new byte[(TargetLength + text.Length + 1 + 7) & ~7];
            BinaryPrimitives.WriteUInt64LittleEndian(spec, target.Start);
            BinaryPrimitives.WriteUInt64LittleEndian(spec.AsSpan(8), target.Length);
            BinaryPrimitives.WriteInt32LittleEndian(spec.AsSpan(20), spec.Length);
            Encoding.UTF8.GetBytes(target.Type, spec.AsSpan(24, TypeLength - 1));
            text.CopyTo(spec.AsSpan(TargetLength));
            table.Write(spec);
        }

        return table.ToArray();
    }
}

/// <summary>DM_*_FLAG of include/uapi/linux/dm-ioctl.h.</summary>
[Flags]
internal enum DeviceMapperFlags : uint
{
    ReadOnly = 1 << 0,
    Suspended = 1 << 1,
    StatusTable = 1 << 4,
    ActivePresent = 1 << 5,
    InactivePresent = 1 << 6,
    BufferFull = 1 << 8,
}
