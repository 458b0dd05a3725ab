using Lkm.Kernel.Snapshots;

namespace Lkm.Kernel.Devices;

/// <summary>A device that answers at I/O ports.</summary>
internal interface IPortDevice : ISnapshotState
{
    /// <summary>Reads a port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="size">Bytes: 1, 2 or 4.</param>
    /// <param name="value">What is read.</param>
    /// <returns>False if the device does not decode the port.</returns>
    bool TryRead(ushort port, int size, out uint value);

    /// <summary>Writes a port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="size">Bytes: 1, 2 or 4.</param>
    /// <param name="value">What is written.</param>
    /// <returns>False if the device does not decode the port.</returns>
    bool TryWrite(ushort port, int size, uint value);
}
