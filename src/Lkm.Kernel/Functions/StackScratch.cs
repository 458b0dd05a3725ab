using System.Text;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// Room on the running task's stack for what C# passes to guest code by address: strings, structures, buffers. It lasts until it is
/// disposed; calls made meanwhile use the stack below it.
/// </summary>
public readonly struct StackScratch : IDisposable
{
    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly ulong _stackPointer;

    /// <summary>Begins to take room.</summary>
    public StackScratch(Cpu cpu, GuestMemory memory)
    {
        _cpu = cpu;
        _memory = memory;
        _stackPointer = cpu.Rsp;
    }

    /// <summary>Takes zeroed room.</summary>
    /// <param name="size">Bytes; a kernel stack has few thousands.</param>
    /// <returns>Its address, a multiple of 16.</returns>
    public ulong Take(int size)
    {
        _cpu.Rsp = (_cpu.Rsp - (ulong)size) & ~15UL;
        _memory.Clear(_cpu.Rsp, (ulong)size);
        return _cpu.Rsp;
    }

    /// <summary>Takes room for a NUL-terminated string.</summary>
    public ulong Take(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var address = Take(bytes.Length + 1);
        bytes.CopyTo(_memory.Span(address, bytes.Length));
        return address;
    }

    /// <summary>Gives the room back.</summary>
    public void Dispose() => _cpu.Rsp = _stackPointer;
}
