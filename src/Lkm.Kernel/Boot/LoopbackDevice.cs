using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What every init system does first for the network: 127.0.0.1 on lo, and lo up (ifup lo), by the image's own
/// devinet_ioctl(). A kernel without IPv4 is left as it is.
/// </summary>
internal sealed class LoopbackDevice(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls)
{
    public async GuestTask BringUp()
    {
        const ulong setAddress = 0x8916, setNetmask = 0x891c, setFlags = 0x8914; // SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS
        const ushort upAndRunning = 0x41;
        if (!image.TrySymbol("devinet_ioctl", out var ioctl) || !image.TrySymbol("init_net", out var net))
            return;
        foreach (var request in (ulong[])[setAddress, setNetmask, setFlags])
        {
            using var scratch = new StackScratch(cpu, memory);
            var ifreq = scratch.Take(40);
            "lo"u8.CopyTo(memory.Span(ifreq, 16));
            if (request == setFlags)
                memory.WriteUInt16(ifreq + 16, upAndRunning);
            else
                WriteAddress(ifreq + 16, request == setAddress ? [127, 0, 0, 1] : [255, 0, 0, 0]);
            await calls.Call(ioctl, net, request, ifreq);
        }
    }

    /// <summary>struct sockaddr_in.</summary>
    private void WriteAddress(ulong at, ReadOnlySpan<byte> address)
    {
        const ushort internet = 2; // AF_INET
        memory.WriteUInt16(at, internet);
        address.CopyTo(memory.Span(at + 4, 4));
    }
}
