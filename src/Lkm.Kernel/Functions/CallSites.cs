using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>Where functions of the image call each other: the return addresses that a stack holds while the other one runs.</summary>
public sealed class CallSites(GuestMemory memory, KernelImage image)
{
    private const int CallLength = 5;
    private const byte Call = 0xe8;

    /// <summary>Finds the first direct call of a function in another.</summary>
    /// <param name="caller">The name of the function that calls, or of a label in assembly code.</param>
    /// <param name="callee">The name of the function that is called.</param>
    /// <returns>
    /// The address behind the call; 0 where there is none, as when the compiler has built one into the other, or ends the one with a jump to the other.
    /// </returns>
    public ulong Find(string caller, string callee) => Find(caller, callee, Call);

    /// <summary>Finds the direct call of a function with a certain string as its first argument.</summary>
    /// <param name="caller">The name of the function that calls.</param>
    /// <param name="callee">The name of the function that is called.</param>
    /// <param name="firstArgument">The string, without its zero.</param>
    /// <returns>The address behind the call, and that of the string; 0 where there is none.</returns>
    public (ulong Site, ulong String) FindWith(string caller, string callee, ReadOnlySpan<byte> firstArgument)
    {
        const int loadLength = 7; // mov $string,%rdi
        if (!image.TrySymbol(callee, out var target) || !TryBounds(caller, out var start, out var end))
            return default;
        ulong found = 0;
        for (var at = start; at + CallLength <= end; at++)
        {
            if (found != 0 && Is(at, Call, target))
                return (at + CallLength, found);
            if (at + loadLength <= end && memory.Span(at, 3).SequenceEqual((ReadOnlySpan<byte>)[0x48, 0xc7, 0xc7])
                && (ulong)memory.ReadInt32(at + 3) is var text && IsString(text, firstArgument))
                found = text;
        }

        return default;
    }

    private bool IsString(ulong address, ReadOnlySpan<byte> text) =>
        GuestMemory.Contains(address, (ulong)text.Length + 1) && memory.Span(address, text.Length).SequenceEqual(text) && memory.ReadByte(address + (ulong)text.Length) == 0;

    /// <summary>Whether a function ends with a jump to another, which then has its place on the stack.</summary>
    private bool EndsWith(string caller, string callee)
    {
        const byte jump = 0xe9;
        return Find(caller, callee, jump) != 0;
    }

    private ulong Find(string caller, string callee, byte instruction)
    {
        if (!image.TrySymbol(callee, out var target) || !TryBounds(caller, out var start, out var end))
            return 0;
        for (var at = start; at + CallLength <= end; at++)
        {
            if (Is(at, instruction, target))
                return at + CallLength;
        }

        return 0;
    }

    private bool Is(ulong at, byte instruction, ulong target) =>
        memory.ReadByte(at) == instruction && at + CallLength + (ulong)memory.ReadInt32(at + 1) == target;

    /// <summary>Finds the shortest way by which a function comes to call another.</summary>
    /// <param name="caller">The name of the outermost function.</param>
    /// <param name="between">Functions that may lie on the way; those that this image lacks do not.</param>
    /// <param name="callee">The name of the innermost function.</param>
    /// <returns>The addresses behind the calls, the outermost first, and 0 for a jump; none where there is no way.</returns>
    public ulong[] FindPath(string caller, IReadOnlyList<string> between, string callee)
    {
        var paths = new Queue<(string At, ulong[] Sites)>([(caller, [])]);
        var left = new HashSet<string>(between);
        while (paths.TryDequeue(out var path))
        {
            if (Find(path.At, callee) is var last and not 0)
                return [.. path.Sites, last];
            foreach (var next in between)
            {
                var site = left.Contains(next) ? Find(path.At, next) : 0;
                if ((site != 0 || EndsWith(path.At, next)) && left.Remove(next))
                    paths.Enqueue((next, [.. path.Sites, site]));
            }
        }

        return [];
    }

    /// <summary>Finds the call through a pointer that a struct holds and that may be NULL: if (p->member) p->member().</summary>
    /// <param name="caller">The name of the function that calls.</param>
    /// <param name="member">The member's offset, in bytes.</param>
    /// <returns>The address behind the call; 0 where there is none.</returns>
    public ulong FindThroughMember(string caller, ulong member)
    {
        // mov member(%reg),%rax; test %rax,%rax; je behind the call
        const byte rexW = 0x48, rexWB = 0x49, load = 0x8b, toAx = 0x80, displacement32 = 0xf8, jumpIfZero = 0x74;
        if (!TryBounds(caller, out var start, out var end))
            return 0;
        for (var at = start; at + 12 < end; at++)
        {
            if (memory.ReadByte(at) is rexW or rexWB && memory.ReadByte(at + 1) == load && (memory.ReadByte(at + 2) & displacement32) == toAx
                && memory.ReadUInt32(at + 3) == member
                && memory.Span(at + 7, 3).SequenceEqual((ReadOnlySpan<byte>)[rexW, 0x85, 0xc0]) && memory.ReadByte(at + 10) == jumpIfZero)
                return at + 12 + memory.ReadByte(at + 11);
        }

        return 0;
    }

    /// <summary>Finds where assembly code enters C: by a call through a variable, or by a far return, before which it has pushed the address behind it.</summary>
    /// <param name="pointer">The variable's name.</param>
    /// <param name="callers">The names that the code may have.</param>
    /// <returns>The address behind it; 0 where there is none.</returns>
    public ulong FindEntry(string pointer, params ReadOnlySpan<string> callers)
    {
        const ulong callSize = 6;
        foreach (var caller in callers)
        {
            if (!TryBounds(caller, out var start, out var end))
                continue;
            for (var at = start; at + callSize <= end; at++)
            {
                if (memory.Span(at, 2).SequenceEqual((ReadOnlySpan<byte>)[0x48, 0xcb])) // lretq
                    return at + 2;
                if (memory.Span(at, 2).SequenceEqual((ReadOnlySpan<byte>)[0xff, 0x15]) // call *pointer(%rip)
                    && at + callSize + (ulong)memory.ReadInt32(at + 2) == image.Symbol(pointer))
                    return at + callSize;
            }
        }

        return 0;
    }

    private bool TryBounds(string name, out ulong start, out ulong end)
    {
        (start, end) = (0, 0);
        return image.TrySymbol(name, out start) && image.TryGetBounds(start, out _, out end);
    }
}
