using System.Text;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>The image's own strings, for functions that are called in the name of others.</summary>
internal static class ImageText
{
    /// <summary>Finds a string.</summary>
    /// <returns>Its address; 0 where the image has none such.</returns>
    public static ulong Find(GuestMemory memory, KernelImage image, string text)
    {
        var at = Constants(memory, image).IndexOf(Encoding.ASCII.GetBytes(text + '\0'));
        return at < 0 ? 0 : image.Symbol("__start_rodata") + (ulong)at;
    }

    /// <summary>Finds a string by its end.</summary>
    /// <returns>The address of its first byte; 0 where the image has none such.</returns>
    public static ulong FindByEnd(GuestMemory memory, KernelImage image, string end)
    {
        var constants = Constants(memory, image);
        var at = constants.IndexOf(Encoding.ASCII.GetBytes(end + '\0'));
        return at < 0 ? 0 : image.Symbol("__start_rodata") + (ulong)(constants[..at].LastIndexOf((byte)0) + 1);
    }

    private static Span<byte> Constants(GuestMemory memory, KernelImage image)
    {
        var first = image.Symbol("__start_rodata");
        return memory.Span(first, (int)(image.Symbol("__end_rodata") - first));
    }
}
