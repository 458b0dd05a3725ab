using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// A range of vmalloc or module space: Linux's struct vmap_area, which /proc/vmallocinfo and the usercopy check read, followed by what
/// the core adds. Every page of the range leads to it (<see cref="MetadataLayout.Owners"/>).
/// </summary>
internal readonly struct VmArea(GuestMemory memory, VmAreaLayout layout, ulong address)
{
    /// <summary>The address of the struct vmap_area; 0 for none.</summary>
    public ulong Address => address;

    /// <summary>Whether there is an area.</summary>
    public bool Exists => address != 0;

    /// <summary>The node on the list of all areas.</summary>
    public ulong Node => address + layout.List;

    /// <summary>The first byte.</summary>
    public ulong Start
    {
        get => memory.ReadUInt64(address + layout.Start);
        set => memory.WriteUInt64(address + layout.Start, value);
    }

    /// <summary>The byte after the guard page.</summary>
    public ulong End
    {
        get => memory.ReadUInt64(address + layout.End);
        set => memory.WriteUInt64(address + layout.End, value);
    }

    /// <summary>The struct vm_struct, or 0 for vm_map_ram().</summary>
    public ulong Vm
    {
        get => memory.ReadUInt64(address + layout.Vm);
        set => memory.WriteUInt64(address + layout.Vm, value);
    }

    /// <summary>Pages without the guard.</summary>
    public ulong Pages
    {
        get => memory.ReadUInt64(address + layout.Tail);
        set => memory.WriteUInt64(address + layout.Tail, value);
    }

    /// <summary>The physical addresses of the pages shown here, in the core's metadata; 0 where the area has pages of its own.</summary>
    public ulong Aliased
    {
        get => memory.ReadUInt64(address + layout.Tail + 8);
        set => memory.WriteUInt64(address + layout.Tail + 8, value);
    }

    /// <summary>Whether the area's own pages were taken from RAM's budget.</summary>
    public bool IsCharged
    {
        get => memory.ReadByte(address + layout.Tail + 16) != 0;
        set => memory.WriteByte(address + layout.Tail + 16, value ? (byte)1 : (byte)0);
    }
}

/// <summary>Where the members of struct vmap_area lie.</summary>
internal sealed class VmAreaLayout
{
    /// <summary>Looks the members up.</summary>
    public VmAreaLayout(KernelImage image)
    {
        var layout = image.Struct("vmap_area");
        Start = layout["va_start"];
        End = layout["va_end"];
        List = layout["list"];
        Vm = layout["vm"];
        Tail = (layout.Size + 7) & ~7UL;
        TotalSize = Tail + 24;
    }

    /// <summary>va_start.</summary>
    public ulong Start { get; }

    /// <summary>va_end.</summary>
    public ulong End { get; }

    /// <summary>list.</summary>
    public ulong List { get; }

    /// <summary>vm.</summary>
    public ulong Vm { get; }

    /// <summary>Where the core's own members begin.</summary>
    public ulong Tail { get; }

    /// <summary>Bytes in all.</summary>
    public ulong TotalSize { get; }
}
