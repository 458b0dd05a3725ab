using Lkm.Kernel.Processes;

namespace Lkm.Kernel.Sessions;

/// <summary>
/// Who asked for something to be run: where its output goes and its input comes from. The members are called on the thread that runs the
/// guest, and return at once.
/// </summary>
public interface IRequestClient
{
    /// <summary>Whether what was written waits to be taken, and more would have to be kept: the guest's process sleeps then.</summary>
    bool IsFull { get; }

    /// <summary>Whether nobody reads any more: a broken pipe.</summary>
    bool IsGone { get; }

    /// <summary>Takes output.</summary>
    /// <param name="descriptor">1 for standard output, 2 for standard error.</param>
    /// <param name="bytes">The bytes; they may change after the call.</param>
    void Write(int descriptor, ReadOnlySpan<byte> bytes);

    /// <summary>The process reads, and sleeps until <see cref="KernelRequest.Supply"/> or <see cref="KernelRequest.EndInput"/> is called.</summary>
    void WantInput();

    /// <summary>Takes memory of the guest, which stays mapped in the process until the input ends.</summary>
    /// <param name="descriptor">A file of the host that holds the pages; the client duplicates it before it returns.</param>
    /// <param name="pieces">The parts of that file, in the mapping's order.</param>
    /// <param name="writable">Whether the client may write to the pages.</param>
    void Share(int descriptor, IReadOnlyList<SharedPiece> pieces, bool writable);
}
