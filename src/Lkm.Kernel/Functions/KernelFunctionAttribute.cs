namespace Lkm.Kernel.Functions;

/// <summary>How much of Linux's behaviour a C# implementation has.</summary>
public enum Support
{
    /// <summary>All that a caller can rely on.</summary>
    Full,

    /// <summary>A part; the attribute's note says what is missing.</summary>
    Partial,
}

/// <summary>
/// Marks a method as the implementation of a function of the kernel image: calls to that function, from modules and from borrowed
/// code alike, are caught at its entry and answered by the method. The generator in Lkm.Kernel.Generators writes the thunk.
/// </summary>
/// <param name="name">The function's symbol in the image. An image without that symbol simply does not use the method.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class KernelFunctionAttribute(string name) : Attribute
{
    /// <summary>The function's symbol in the image.</summary>
    public string Name { get; } = name;

    /// <summary>How much of Linux's behaviour the method has.</summary>
    public Support Support { get; set; }

    /// <summary>What a partial implementation lacks.</summary>
    public string? Note { get; set; }

    /// <summary>The first kernel release whose image has the symbol by this name, where releases differ.</summary>
    public string? Since { get; set; }
}
