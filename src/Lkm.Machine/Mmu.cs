namespace Lkm.Machine;

/// <summary>
/// The user half of the address space: 4-level page tables in guest physical memory (Intel SDM volume 3, 4.5), with a small
/// cache of translations.
/// </summary>
internal sealed unsafe class Mmu(GuestMemory memory, CpuRecord* record)
{
    private const ulong Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, Large = 0x80, NoExecute = 1UL << 63;
    private const ulong FrameMask = 0x000F_FFFF_FFFF_F000;
    private const ulong Smap = 1 << 21; // of CR4
    private const int CacheSize = 256;

    private readonly Translation[] _cache = new Translation[CacheSize];

    private struct Translation
    {
        internal ulong Page; // with bit 0 set, so that no empty entry matches
        internal ulong Frame;
        internal ulong Rights;
    }

    /// <summary>Whether bits 47 to 63 agree.</summary>
    internal static bool IsCanonical(ulong address) => (ulong)((long)(address << 16) >> 16) == address;

    /// <summary>Forgets all translations.</summary>
    internal void Flush() => Array.Clear(_cache);

    /// <summary>Forgets the translation of one page.</summary>
    internal void Flush(ulong address) => _cache[(address >> 12) % CacheSize] = default;

    /// <summary>
    /// Translates an address of the user half to an address in the window.
    /// </summary>
    /// <returns>False, with the error code of the page fault, if the access is not allowed.</returns>
    internal bool Translate(ulong address, bool write, bool fetch, out ulong translated, out PageFaultError error)
    {
        ref var cached = ref _cache[(address >> 12) % CacheSize];
        if (cached.Page != ((address & ~0xFFFUL) | 1) || (write && (cached.Rights & Dirty) == 0))
        {
            if (!Walk(address, write, fetch, out var frame, out var rights, out error))
            {
                translated = 0;
                return false;
            }
            cached = new Translation { Page = (address & ~0xFFFUL) | 1, Frame = frame, Rights = rights };
        }
        translated = GuestMemory.WindowStart + (cached.Frame | (address & 0xFFF));
        error = Denied(cached.Rights, write, fetch);
        return error == PageFaultError.None;
    }

    private PageFaultError Denied(ulong rights, bool write, bool fetch)
    {
        var user = record->Privilege == 3;
        var denied = (write && (rights & Writable) == 0) || (user && (rights & User) == 0) || (fetch && (rights & NoExecute) != 0)
            || (!user && !fetch && (rights & User) != 0 && IsUserMemoryShut);
        return denied ? PageFaultError.Present | Access(write, fetch) : PageFaultError.None;
    }

    // SMAP (Intel SDM volume 3, 4.6.1): the kernel reaches pages of users only between STAC and CLAC.
    private bool IsUserMemoryShut =>
        (record->Cr4 & Smap) != 0 && (record->SystemFlags & Flags.AlignmentCheck) == 0 && record->IgnoreSmap == 0;

    private PageFaultError Access(bool write, bool fetch) =>
        (write ? PageFaultError.Write : 0) | (fetch ? PageFaultError.Fetch : 0) | (record->Privilege == 3 ? PageFaultError.User : 0);

    // Rights are the conjunction over all levels; NX is a disjunction. Accessed and dirty are set only if the access is allowed.
    private bool Walk(ulong address, bool write, bool fetch, out ulong frame, out ulong rights, out PageFaultError error)
    {
        rights = Writable | User;
        frame = 0;
        error = Access(write, fetch);
        Span<ulong> path = stackalloc ulong[4];
        var table = record->Cr3 & FrameMask;
        for (var level = 3; level >= 0; level--)
        {
            var slot = table + ((address >> (12 + 9 * level)) & 511) * 8;
            if (record->Cr3 == 0 || slot >= GuestMemory.WindowSize)
                return false;
            var entry = memory.ReadUInt64(GuestMemory.WindowStart + slot);
            if ((entry & Present) == 0)
                return false;
            path[level] = slot;
            rights = (rights & (entry | ~(Writable | User))) | (entry & NoExecute);
            var leaf = level == 0 || (level < 3 && (entry & Large) != 0);
            if (!leaf)
            {
                table = entry & FrameMask;
                continue;
            }
            var offset = (1UL << (12 + 9 * level)) - 1;
            frame = (entry & FrameMask & ~offset) | (address & offset & ~0xFFFUL);
            error = frame > GuestMemory.WindowSize - GuestMemory.PageSize
                ? PageFaultError.Present | PageFaultError.Reserved | Access(write, fetch)
                : Denied(rights, write, fetch);
            if (error != PageFaultError.None)
                return false;
            for (var i = 3; i >= level; i--)
                Mark(path[i], i == level && write ? Accessed | Dirty : Accessed);
            rights |= memory.ReadUInt64(GuestMemory.WindowStart + slot) & Dirty;
            return true;
        }
        return false;
    }

    private void Mark(ulong slot, ulong bits)
    {
        var entry = memory.ReadUInt64(GuestMemory.WindowStart + slot);
        if ((entry & bits) != bits)
            memory.WriteUInt64(GuestMemory.WindowStart + slot, entry | bits);
    }
}
