using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Processes;

/// <summary>A file or device mapped into a process, as the memory that it is: the module's own pages, not a copy of them.</summary>
public sealed class UserMapping
{
    private readonly GuestMemory _memory;
    private readonly ulong[] _pages;

    internal UserMapping(GuestMemory memory, ulong address, int length, ulong[] pages)
    {
        _memory = memory;
        _pages = pages;
        Address = address;
        Length = length;
    }

    /// <summary>The address in the process.</summary>
    public ulong Address { get; }

    /// <summary>Bytes mapped.</summary>
    public int Length { get; }

    /// <summary>Pages mapped.</summary>
    public int Pages => _pages.Length;

    /// <summary>Whether the pages follow each other in the kernel's memory, as those of one allocation do.</summary>
    public bool IsContiguous
    {
        get
        {
            for (var i = 1; i < _pages.Length; i++)
            {
                if (_pages[i] != _pages[i - 1] + AddressSpace.PageSize)
                    return false;
            }

            return true;
        }
    }

    /// <summary>All of the mapping's bytes; valid until the kernel is disposed or the module frees the memory.</summary>
    /// <exception cref="InvalidOperationException">The pages do not follow each other: take them one by one.</exception>
    public Span<byte> Span => IsContiguous
        ? _memory.Span(AddressSpace.ToVirtual(_pages[0]), Length)
        : throw new InvalidOperationException("the pages of this mapping lie apart");

    /// <summary>The bytes of one page.</summary>
    public Span<byte> Page(int index) => _memory.Span(
        AddressSpace.ToVirtual(_pages[index]), Math.Min((int)AddressSpace.PageSize, Length - (index << AddressSpace.PageShift)));

    /// <summary>The kernel's own address of a page.</summary>
    public ulong KernelAddress(int index) => AddressSpace.ToVirtual(_pages[index]);

    /// <summary>
    /// Puts a page where another program of the host can map it: a file descriptor, to be passed over a Unix socket (SCM_RIGHTS), and an
    /// offset for mmap(2) with MAP_SHARED.
    /// </summary>
    public (int Descriptor, long Offset) ShareWithHost(int index) => _memory.ShareWithHost(_pages[index]);

    /// <summary>Puts all pages where another program of the host can map them.</summary>
    /// <returns>A file descriptor, and the pieces of that file which, one behind the other, are the mapping; each is whole pages.</returns>
    public (int Descriptor, IReadOnlyList<SharedPiece> Pieces) ShareWithHost()
    {
        const long page = (long)AddressSpace.PageSize;
        var file = -1;
        var pieces = new List<SharedPiece>();
        for (var i = 0; i < _pages.Length; i++)
        {
            (file, var offset) = ShareWithHost(i);
            if (pieces.Count > 0 && pieces[^1] is var last && last.Offset + last.Length == offset)
                pieces[^1] = last with { Length = last.Length + page };
            else
                pieces.Add(new SharedPiece(offset, page));
        }

        return (file, pieces);
    }
}

/// <summary>A part of a file that holds pages of the guest, for mmap(2).</summary>
/// <param name="Offset">Where it begins, in bytes.</param>
/// <param name="Length">Bytes; a multiple of the page size.</param>
public readonly record struct SharedPiece(long Offset, long Length);
