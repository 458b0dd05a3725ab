namespace Lkm.Kernel.Snapshots;

/// <summary>
/// State of the kernel core that does not lie in guest memory and that a snapshot must hold. Plain records only: no host pointer,
/// handle or delegate. A warm start reads it before anything runs, so it is small and cheap to read.
/// </summary>
public interface ISnapshotState
{
    /// <summary>Writes the state.</summary>
    void Save(BinaryWriter writer);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    void Restore(BinaryReader reader);
}
