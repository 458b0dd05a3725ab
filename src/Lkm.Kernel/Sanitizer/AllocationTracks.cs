using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>
/// Who allocated and who freed: task and call chain, each kept once and known by a small number, as Linux's stack depot does
/// (lib/stackdepot.c). The tracks lie in the core's guest memory; the index that finds equal ones is made anew after a snapshot.
/// </summary>
public sealed class AllocationTracks
{
    private const ulong Next = MetadataLayout.TrackState;
    private const ulong FrameCount = 0, Pid = 4, Comm = 8, Frames = 24;
    private const int CommLength = 16;

    private readonly GuestMemory _memory;
    private readonly PerCpuArea _perCpu;
    private readonly TaskStruct _tasks;
    private readonly StackScan _scan;
    private readonly Dictionary<ulong, uint> _index = [];
    private readonly Dictionary<ulong, string> _names = [];

    /// <summary>Creates the store.</summary>
    public AllocationTracks(GuestMemory memory, KernelImage image, PerCpuArea perCpu, TaskStruct tasks)
    {
        _memory = memory;
        _perCpu = perCpu;
        _tasks = tasks;
        _scan = new StackScan(memory, image, perCpu);
    }

    /// <summary>The most return addresses that a track keeps; 0 keeps no tracks at all.</summary>
    public int Depth { get; set; } = 12;

    /// <summary>Finds the call chain of the running task, nearest first; null for the scan of the stack that is made by default.</summary>
    public Func<ulong[]>? CaptureStack { get; set; }

    /// <summary>
    /// Names an address in a module. It is asked when a track is made: by the time of the report the module, or its init code, may be gone.
    /// </summary>
    public Func<ulong, string?>? DescribeModuleAddress { get; set; }

    /// <summary>The name that an address in a module had when it was last met in a call chain, or null.</summary>
    public string? RememberedName(ulong address) => _names.GetValueOrDefault(address);

    /// <summary>The number of the track of the running task in a call of an allocator.</summary>
    /// <returns>0 when no tracks are kept, or no more fit.</returns>
    internal uint Capture(CallFrame? frame)
    {
        if (Depth == 0 || frame is null)
            return 0;
        Span<ulong> frames = stackalloc ulong[64];
        var count = 0;
        if (CaptureStack is { } capture)
        {
            var found = capture();
            count = Math.Min(Math.Min(found.Length, Depth), frames.Length);
            found.AsSpan(0, count).CopyTo(frames);
        }
        else
        {
            count = _scan.Scan(frame, frames[..Math.Min(Depth, frames.Length)]);
        }

        return Find(_perCpu.Current, frames[..count]);
    }

    /// <summary>The track of a number, or null for 0.</summary>
    public AllocationTrack? this[uint track]
    {
        get
        {
            if (track == 0)
                return null;
            var at = Address(track);
            var frames = new ulong[_memory.ReadUInt32(at + FrameCount)];
            for (var i = 0; i < frames.Length; i++)
                frames[i] = _memory.ReadUInt64(at + Frames + ((ulong)i * 8));
            return new AllocationTrack(_memory.ReadInt32(at + Pid), _memory.ReadString(at + Comm, CommLength), frames);
        }
    }

    /// <summary>Whether any return address of a track lies in a range.</summary>
    internal bool PassesThrough(uint track, ulong start, ulong end)
    {
        if (track == 0)
            return false;
        var at = Address(track);
        var count = _memory.ReadUInt32(at + FrameCount);
        for (ulong i = 0; i < count; i++)
        {
            if (_memory.ReadUInt64(at + Frames + (i * 8)) is var frame && frame >= start && frame < end)
                return true;
        }

        return false;
    }

    private static ulong Address(uint track) => MetadataLayout.Tracks + ((ulong)track * 8);

    private uint Find(ulong task, ReadOnlySpan<ulong> frames)
    {
        var pid = _tasks.Pid(task);
        var comm = _memory.Span(task + _tasks.Layout["comm"], CommLength);
        var hash = Hash((ulong)(uint)pid, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(comm));
        hash = Hash(hash, frames);
        if (_index.TryGetValue(hash, out var track) && Equals(track, pid, comm, frames))
            return track;

        var next = _memory.ReadUInt64(Next);
        if (next == 0)
            next = MetadataLayout.Tracks + 8; // number 0 means none
        var size = Frames + ((ulong)frames.Length * 8);
        if (next + size > MetadataLayout.End)
            return 0;
        _memory.WriteUInt64(Next, next + size);
        _memory.WriteUInt32(next + FrameCount, (uint)frames.Length);
        _memory.WriteInt32(next + Pid, pid);
        comm.CopyTo(_memory.Span(next + Comm, CommLength));
        for (var i = 0; i < frames.Length; i++)
        {
            _memory.WriteUInt64(next + Frames + ((ulong)i * 8), frames[i]);
            if (frames[i] >= AddressSpace.ModulesStart && DescribeModuleAddress?.Invoke(frames[i]) is { } name)
                _names[frames[i]] = name;
        }

        return _index[hash] = (uint)((next - MetadataLayout.Tracks) / 8);
    }

    private bool Equals(uint track, int pid, ReadOnlySpan<byte> comm, ReadOnlySpan<ulong> frames)
    {
        var at = Address(track);
        return _memory.ReadUInt32(at + FrameCount) == (uint)frames.Length && _memory.ReadInt32(at + Pid) == pid
            && _memory.Span(at + Comm, CommLength).SequenceEqual(comm)
            && System.Runtime.InteropServices.MemoryMarshal.AsBytes(frames).SequenceEqual(_memory.Span(at + Frames, frames.Length * 8));
    }

    private static ulong Hash(ulong seed, ReadOnlySpan<ulong> words)
    {
        foreach (var word in words)
            seed = System.Numerics.BitOperations.RotateLeft(seed ^ word, 27) * 0x9E3779B97F4A7C15;
        return seed;
    }
}
