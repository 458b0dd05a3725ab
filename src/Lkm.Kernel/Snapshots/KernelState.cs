using Lkm.Kernel.Boot;
using Lkm.Kernel.Printing;

namespace Lkm.Kernel.Snapshots;

/// <summary>What a snapshot holds beside guest memory: the layouts in use, the log of the boot, and each subsystem's records.</summary>
internal static class KernelState
{
    private const uint Magic = 0x534d4b4c; // "LKMS"

    public static void Save(BinaryWriter writer, KernelImage image, KernelLog log, ISnapshotState[] subsystems)
    {
        writer.Write(Magic);
        SaveLayouts(writer, image);
        SaveOtherTypes(writer, image);
        SaveLog(writer, log);
        foreach (var subsystem in subsystems)
            subsystem.Save(writer);
        writer.Write(Magic);
    }

    /// <summary>Reads the layouts, which the subsystems need to be made at all.</summary>
    public static void RestoreLayouts(BinaryReader reader, KernelImage image)
    {
        if (reader.ReadUInt32() != Magic)
            throw new InvalidDataException("not the state of a kernel");
        for (var structs = reader.ReadInt32(); structs > 0; structs--)
        {
            var name = reader.ReadString();
            var size = reader.ReadUInt64();
            var layout = image.Learn(name, size);
            for (var members = reader.ReadInt32(); members > 0; members--)
                layout.Learn(reader.ReadString(), reader.ReadBoolean() ? reader.ReadUInt64() : null);
        }

        for (var missing = reader.ReadInt32(); missing > 0; missing--)
            image.LearnMissing(reader.ReadString());
        for (var enumerators = reader.ReadInt32(); enumerators > 0; enumerators--)
            image.LearnEnumerator(reader.ReadString(), reader.ReadBoolean() ? reader.ReadInt64() : null);
    }

    public static void RestoreSubsystems(BinaryReader reader, KernelLog log, ISnapshotState[] subsystems)
    {
        for (var records = reader.ReadInt32(); records > 0; records--)
            log.Restore(new LogRecord(reader.ReadInt64(), reader.ReadByte(), reader.ReadString(), null));
        foreach (var subsystem in subsystems)
            subsystem.Restore(reader);
        if (reader.ReadUInt32() != Magic)
            throw new InvalidDataException("the state of a kernel is damaged");
    }

    private static void SaveLayouts(BinaryWriter writer, KernelImage image)
    {
        var layouts = image.KnownLayouts.ToArray();
        writer.Write(layouts.Length);
        foreach (var layout in layouts)
        {
            writer.Write(layout.Name);
            writer.Write(layout.Size);
            writer.Write(layout.Known.Count);
            foreach (var (member, offset) in layout.Known)
            {
                writer.Write(member);
                writer.Write(offset.HasValue);
                if (offset is { } value)
                    writer.Write(value);
            }
        }
    }

    private static void SaveOtherTypes(BinaryWriter writer, KernelImage image)
    {
        var missing = image.MissingStructs.ToArray();
        writer.Write(missing.Length);
        foreach (var name in missing)
            writer.Write(name);
        var enumerators = image.KnownEnumerators.ToArray();
        writer.Write(enumerators.Length);
        foreach (var (name, value) in enumerators)
        {
            writer.Write(name);
            writer.Write(value.HasValue);
            if (value is { } known)
                writer.Write(known);
        }
    }

    private static void SaveLog(BinaryWriter writer, KernelLog log)
    {
        writer.Write((int)(log.Next - log.First));
        foreach (var record in log.Records)
        {
            writer.Write(record.Nanoseconds);
            writer.Write((byte)record.Level);
            writer.Write(record.Text);
        }
    }
}
