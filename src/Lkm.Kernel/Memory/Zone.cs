namespace Lkm.Kernel.Memory;

/// <summary>One zone of the node: which frames are its, and where its struct zone lies.</summary>
/// <param name="Index">Its place in node_zones (enum zone_type).</param>
/// <param name="Address">The address of its struct zone.</param>
/// <param name="FreeAreas">The address of its free_area array.</param>
/// <param name="FreeCount">The address of its count of free pages, vm_stat[NR_FREE_PAGES].</param>
/// <param name="FirstFrame">The first frame that the page allocator has.</param>
/// <param name="EndFrame">The frame after the last.</param>
internal sealed record Zone(int Index, ulong Address, ulong FreeAreas, ulong FreeCount, ulong FirstFrame, ulong EndFrame);
