using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;

namespace Lkm.Machine.Translation;

/// <summary>One method of the host that a region of guest code became, with the memory that it refers to.</summary>
internal sealed unsafe class UnitMethod
{
    // Half of what a method costs, and of no use once it is compiled; .NET has no way to say so. Null in a .NET that keeps it elsewhere: then it stays.
    private static readonly FieldInfo? Generator = typeof(DynamicMethod).GetField("_ilGenerator", BindingFlags.NonPublic | BindingFlags.Instance);

    private readonly List<nint> _memory = [];
    private DynamicMethod? _method; // has to be kept for as long as it may run

    /// <summary>Its address, as a handler; 0 while it is not compiled.</summary>
    internal nint Code { get; private set; }

    /// <summary>Memory that lives as long as the method.</summary>
    internal T* Allocate<T>(int count)
        where T : unmanaged
    {
        var memory = NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(T));
        _memory.Add((nint)memory);
        return (T*)memory;
    }

    /// <summary>It is compiled.</summary>
    internal void Complete(DynamicMethod method, nint code)
    {
        (_method, Code) = (method, code);
        Generator?.SetValue(method, null);
    }

    /// <summary>Frees its memory; only when no frame of it is left.</summary>
    internal void Free()
    {
        foreach (var memory in _memory)
            NativeMemory.Free((void*)memory);
        _memory.Clear();
        (_method, Code) = (null, 0);
    }
}
