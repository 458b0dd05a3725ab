namespace Lkm.Kernel.Modules;

/// <summary>The flags of finit_module(2) (include/uapi/linux/module.h).</summary>
[Flags]
public enum ModuleLoadFlags
{
    /// <summary>Every check is made.</summary>
    None = 0,

    /// <summary>MODULE_INIT_IGNORE_MODVERSIONS: do not compare symbol CRCs; taints the kernel (F).</summary>
    IgnoreModversions = 1,

    /// <summary>MODULE_INIT_IGNORE_VERMAGIC: do not compare the version magic; taints the kernel (F).</summary>
    IgnoreVermagic = 2,

    /// <summary>MODULE_INIT_COMPRESSED_FILE: the file is compressed (xz, gzip or zstd).</summary>
    CompressedFile = 4,
}

/// <summary>The flags of delete_module(2).</summary>
[Flags]
public enum ModuleUnloadFlags
{
    /// <summary>Wait for nothing, force nothing.</summary>
    None = 0,

    /// <summary>O_TRUNC: unload although the module is in use or has no exit function; taints the kernel (R).</summary>
    Force = 0x200,

    /// <summary>O_NONBLOCK: what rmmod always passes; kernels since 3.15 never wait anyhow.</summary>
    NonBlock = 0x800,
}
