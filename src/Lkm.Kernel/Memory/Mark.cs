namespace Lkm.Kernel.Memory;

/// <summary>The watermarks of a zone (enum zone_watermarks, include/linux/mmzone.h): how few pages may be free before something is done.</summary>
internal enum Mark
{
    /// <summary>WMARK_MIN: what is left is for those who cannot wait.</summary>
    Min,

    /// <summary>WMARK_LOW: kswapd is woken.</summary>
    Low,
}
