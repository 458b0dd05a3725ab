namespace Lkm.Kernel.Sanitizer;

/// <summary>An allocator that can say what an address belongs to.</summary>
internal interface IObjectFinder
{
    /// <summary>The object whose slot holds an address: the object itself, live or freed, or the red zone beside it.</summary>
    ObjectDescription? FindObject(ulong address);

    /// <summary>The vmalloc area that an address lies in or behind.</summary>
    VmallocDescription? FindVmalloc(ulong address);
}
