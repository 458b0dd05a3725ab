using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>The machine's shadow in the words of KASAN's generic mode (mm/kasan/kasan.h).</summary>
internal static class KasanShadow
{
    private const byte PageFree = 0xff, SlabRedzone = 0xfc, SlabFree = 0xfb, GlobalRedzone = 0xf9, VmallocInvalid = 0xf8, StackLeft = 0xf1;

    /// <summary>The byte that KASAN would have for a granule.</summary>
    public static byte Code(Shadow shadow, ulong address) => shadow switch
    {
        Shadow.Unmapped => address < AddressSpace.VmallocStart ? PageFree : VmallocInvalid,
        < Shadow.Accessible => (byte)shadow,
        Shadow.Accessible or Shadow.ReadOnly or Shadow.Code or Shadow.ReadOnlyCode => 0,
        Shadow.Redzone => SlabRedzone,
        Shadow.Freed => SlabFree,
        Shadow.FreePage or Shadow.InitFreed => PageFree,
        Shadow.GlobalRedzone => GlobalRedzone,
        Shadow.StackGuard => StackLeft,
        _ => VmallocInvalid,
    };

    /// <summary>What an access is that a granule forbids: get_shadow_bug_type().</summary>
    public static MemoryErrorKind Kind(Shadow shadow, ulong address) => shadow switch
    {
        Shadow.Redzone => MemoryErrorKind.SlabOutOfBounds,
        Shadow.Freed or Shadow.FreePage or Shadow.InitFreed => MemoryErrorKind.UseAfterFree,
        Shadow.VmallocGuard or Shadow.VmallocFreed => MemoryErrorKind.VmallocOutOfBounds,
        Shadow.GlobalRedzone => MemoryErrorKind.GlobalOutOfBounds,
        Shadow.StackGuard => MemoryErrorKind.StackOutOfBounds,
        Shadow.PercpuFreed => MemoryErrorKind.OutOfBounds,
        Shadow.Unmapped => address < AddressSpace.VmallocStart ? MemoryErrorKind.UseAfterFree : MemoryErrorKind.WildAccess,
        _ => address == 0 ? MemoryErrorKind.NullPointer : MemoryErrorKind.OutOfBounds,
    };
}
