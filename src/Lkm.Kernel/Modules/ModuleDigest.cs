using System.Runtime.InteropServices;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>
/// SHA-256 of the image (lib/crypto/sha256.c). A signed module is digested twice, for its signature and for the blacklist of hashes: at 55
/// instructions a byte that would be nine tenths of the work of loading it.
/// </summary>
public sealed partial class ModuleDigest(Cpu cpu, GuestMemory memory)
{
    private const ulong CountOffset = 32, BufferOffset = 40; // struct sha256_state: u32 state[8]; u64 count; u8 buf[64]

    /// <summary>void sha256_update(struct sha256_state *sctx, const u8 *data, unsigned int len).</summary>
    [KernelFunction("sha256_update")]
    private void Update(ulong context, ulong data, uint length, CallFrame frame)
    {
        if (length == 0)
            return;
        if (!memory.IsAccessible(context, BufferOffset + Sha256.BlockSize, write: true, out _)
            || !memory.IsAccessible(data, length, write: false, out _))
        {
            // The image's own code runs into the same bad address, and so tells of it as of any other.
            frame.Abandon();
            cpu.SkipHookOnce = true;
            return;
        }

        var state = MemoryMarshal.Cast<byte, uint>(memory.Span(context, (int)CountOffset));
        var buffer = memory.Span(context + BufferOffset, Sha256.BlockSize);
        var count = memory.ReadUInt64(context + CountOffset);
        memory.WriteUInt64(context + CountOffset, count + length);
        var bytes = memory.Span(data, (int)length);
        var filled = (int)(count % Sha256.BlockSize);
        if (filled != 0)
        {
            var taken = Math.Min(Sha256.BlockSize - filled, bytes.Length);
            bytes[..taken].CopyTo(buffer[filled..]);
            bytes = bytes[taken..];
            if (filled + taken < Sha256.BlockSize)
                return;
            Sha256.Compress(state, buffer);
        }

        var whole = bytes.Length & -Sha256.BlockSize;
        Sha256.Compress(state, bytes[..whole]);
        bytes[whole..].CopyTo(buffer);
    }
}
