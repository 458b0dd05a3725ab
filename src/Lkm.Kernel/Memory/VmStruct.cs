using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>struct vm_struct (include/linux/vmalloc.h) at this kernel's offsets, and its flags.</summary>
internal sealed class VmStruct
{
    /// <summary>VM_IOREMAP.</summary>
    public const ulong IoRemap = 0x1;

    /// <summary>VM_ALLOC: made by vmalloc().</summary>
    public const ulong Alloc = 0x2;

    /// <summary>VM_MAP: made by vmap().</summary>
    public const ulong Map = 0x4;

    /// <summary>VM_USERMAP: may be mapped into user space.</summary>
    public const ulong UserMap = 0x8;

    /// <summary>VM_NO_GUARD: no guard page behind.</summary>
    public const ulong NoGuard = 0x40;

    /// <summary>VM_MAP_PUT_PAGES: vfree() puts the pages that vmap() was given.</summary>
    public const ulong MapPutPages = 0x200;

    private readonly GuestMemory _memory;
    private readonly ulong _addr, _size, _flags, _pages, _pageCount, _physical, _caller;
    private readonly ulong? _requested;

    /// <summary>Looks the members up.</summary>
    public VmStruct(GuestMemory memory, KernelImage image)
    {
        _memory = memory;
        var layout = image.Struct("vm_struct");
        Size = layout.Size;
        _addr = layout["addr"];
        _size = layout["size"];
        _flags = layout["flags"];
        _pages = layout["pages"];
        _pageCount = layout["nr_pages"];
        _physical = layout["phys_addr"];
        _caller = layout["caller"];
        _requested = layout.Find("requested_size");
    }

    /// <summary>sizeof(struct vm_struct).</summary>
    public ulong Size { get; }

    /// <summary>Fills in a new, zeroed struct.</summary>
    public void Write(ulong vm, ulong address, ulong size, ulong requested, ulong flags, ulong caller)
    {
        _memory.WriteUInt64(vm + _addr, address);
        _memory.WriteUInt64(vm + _size, size);
        _memory.WriteUInt64(vm + _flags, flags);
        _memory.WriteUInt64(vm + _caller, caller);
        if (_requested is { } at)
            _memory.WriteUInt64(vm + at, requested);
    }

    /// <summary>addr.</summary>
    public ulong Address(ulong vm) => _memory.ReadUInt64(vm + _addr);

    /// <summary>flags.</summary>
    public ulong Flags(ulong vm) => _memory.ReadUInt64(vm + _flags);

    /// <summary>caller.</summary>
    public ulong Caller(ulong vm) => _memory.ReadUInt64(vm + _caller);

    /// <summary>phys_addr.</summary>
    public ulong Physical(ulong vm) => _memory.ReadUInt64(vm + _physical);

    /// <summary>Sets phys_addr.</summary>
    public void SetPhysical(ulong vm, ulong physical) => _memory.WriteUInt64(vm + _physical, physical);

    /// <summary>The array of struct page pointers, and its length.</summary>
    public (ulong Array, uint Count) Pages(ulong vm) => (_memory.ReadUInt64(vm + _pages), _memory.ReadUInt32(vm + _pageCount));

    /// <summary>Sets the array of struct page pointers.</summary>
    public void SetPages(ulong vm, ulong array, ulong count)
    {
        _memory.WriteUInt64(vm + _pages, array);
        _memory.WriteUInt32(vm + _pageCount, (uint)count);
    }
}
