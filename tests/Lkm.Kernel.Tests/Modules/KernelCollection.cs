namespace Lkm.Kernel.Tests.Modules;

/// <summary>Tests that load modules: one after the other, for the first of them boots the kernel that all use.</summary>
[CollectionDefinition(Name)]
public sealed class KernelCollection : ICollectionFixture<KernelWithModules>
{
    /// <summary>The collection's name.</summary>
    public const string Name = "Kernel with modules";
}
