namespace System.Runtime.CompilerServices;

/// <summary>What the compiler asks for to build records; .NET Standard 2.0, which compilers load, lacks it.</summary>
internal static class IsExternalInit;
