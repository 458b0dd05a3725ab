using System.Text;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// The kernel's command line, as a boot loader passes it: it names the image, and what this boot does otherwise than a kernel does by default,
/// which is to restart at once after a panic.
/// </summary>
internal static class CommandLine
{
    private const int LongestBanner = 512, Size = 2048; // COMMAND_LINE_SIZE

    /// <summary>linux_banner: who built the kernel, and when.</summary>
    public static string Banner(GuestMemory memory, KernelImage image) => memory.ReadString(image.Symbol("linux_banner"), LongestBanner).TrimEnd('\n');

    /// <summary>The command line.</summary>
    public static string Of(GuestMemory memory, KernelImage image) =>
        $"BOOT_IMAGE=/boot/vmlinuz-{Banner(memory, image).Split(' ')[2]} panic=-1"; // Linux version RELEASE

    /// <summary>Writes what setup_arch() and setup_command_line() do, and what the image would make of the line.</summary>
    public static void Write(GuestMemory memory, KernelImage image)
    {
        const int atOnce = -1;
        memory.WriteInt32(image.Symbol("panic_timeout"), atOnce);
        var line = image.Symbol("boot_command_line");
        var text = memory.Span(line, Size);
        text.Clear();
        var length = Encoding.ASCII.GetBytes(Of(memory, image), text);
        memory.WriteUInt64(image.Symbol("saved_command_line"), line);
        if (image.TrySymbol("saved_command_line_len", out var savedLength)) // since 6.4
            memory.WriteUInt32(savedLength, (uint)length);
        if (image.TrySymbol("static_command_line", out var staticLine))
            memory.WriteUInt64(staticLine, line);
    }
}
