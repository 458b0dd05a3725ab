namespace Lkm.Kernel.Functions;

/// <summary>One row of the compatibility table: a kernel function that C# implements.</summary>
/// <param name="Name">Its symbol in the image.</param>
/// <param name="Index">What <see cref="IKernelFunctions.Invoke"/> knows it by.</param>
/// <param name="Support">How much of Linux's behaviour it has.</param>
/// <param name="Note">What a partial implementation lacks.</param>
/// <param name="Signature">The C# signature, for traces and tables.</param>
/// <param name="ArgumentCount">The number of arguments taken from registers and stack.</param>
public readonly record struct KernelFunctionInfo(
    string Name, int Index, Support Support, string? Note, string Signature, int ArgumentCount);

/// <summary>A subsystem with methods marked <see cref="KernelFunctionAttribute"/>; the generator implements this.</summary>
public interface IKernelFunctions
{
    /// <summary>The functions that the subsystem implements.</summary>
    ReadOnlySpan<KernelFunctionInfo> Functions { get; }

    /// <summary>Decodes the arguments, calls the method and encodes its result.</summary>
    /// <returns>Null when the call is complete; otherwise the task that completes it after guest code has run.</returns>
    GuestTask? Invoke(int index, CallFrame frame);

    /// <summary>The arguments by name, for a trace line.</summary>
    string FormatArguments(int index, CallFrame frame);
}
