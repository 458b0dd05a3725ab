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
/// <remarks>
/// Each process makes tracks of its own. So when there are many new ones, those that objects still refer to move to the other half of the
/// space, and the rest are forgotten.
/// </remarks>
public sealed class AllocationTracks
{
    private const ulong Next = MetadataLayout.TrackState, Limit = MetadataLayout.TrackState + 8;
    private const ulong HalfSize = (MetadataLayout.End - MetadataLayout.Tracks) / 2;
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

    /// <summary>Bytes of new tracks after which those that are used are kept and the others forgotten.</summary>
    internal ulong MostGrowth { get; set; } = 16 << 20;

    /// <summary>Asks whoever keeps numbers of tracks to replace each by what the function makes of it.</summary>
    internal Action<Func<uint, uint>>? Renumber { get; set; }

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

    /// <summary>Whether any track made since the kernel was started or restored passes through a module's code.</summary>
    internal bool AnyPassesThrough(IReadOnlyList<CodeRange> code)
    {
        foreach (var track in _index.Values)
        {
            foreach (var part in code)
            {
                if (PassesThrough(track, part.Start, part.End))
                    return true;
            }
        }

        return false;
    }

    private static ulong Address(uint track) => MetadataLayout.Tracks + ((ulong)track * 8);

    private uint Find(ulong task, ReadOnlySpan<ulong> frames)
    {
        var pid = _tasks.Pid(task);
        var comm = _memory.Span(task + _tasks.Layout["comm"], CommLength);
        var hash = HashOf(pid, comm, frames);
        if (_index.TryGetValue(hash, out var track) && Equals(track, pid, comm, frames))
            return track;

        var size = Frames + ((ulong)frames.Length * 8);
        var next = NextFor(size);
        if (next == 0)
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

    private ulong NextFor(ulong size)
    {
        var next = _memory.ReadUInt64(Next);
        if (next == 0)
        {
            next = MetadataLayout.Tracks + 8; // number 0 means none
            _memory.WriteUInt64(Limit, next + MostGrowth);
        }

        if (next + size > _memory.ReadUInt64(Limit))
            next = KeepUsed(next);
        return next + size > HalfOf(next) + HalfSize ? 0 : next;
    }

    private static ulong HalfOf(ulong address) =>
        address < MetadataLayout.Tracks + HalfSize ? MetadataLayout.Tracks : MetadataLayout.Tracks + HalfSize;

    /// <summary>Moves the tracks that are referred to into the other half.</summary>
    /// <returns>Where the next one goes.</returns>
    private ulong KeepUsed(ulong end)
    {
        var old = HalfOf(end);
        var next = (old == MetadataLayout.Tracks ? MetadataLayout.Tracks + HalfSize : MetadataLayout.Tracks) + 8;
        var moved = new Dictionary<uint, uint>();
        var named = new Dictionary<ulong, string>();
        _index.Clear();
        Renumber?.Invoke(Move);
        _memory.Discard(old, HalfSize);
        _names.Clear();
        foreach (var (address, name) in named)
            _names.Add(address, name);
        _memory.WriteUInt64(Limit, Math.Min(next + MostGrowth, HalfOf(next) + HalfSize));
        return next;

        uint Move(uint track)
        {
            if (track == 0)
                return 0;
            if (moved.TryGetValue(track, out var number))
                return number;
            var from = Address(track);
            var frames = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(
                _memory.Span(from + Frames, (int)_memory.ReadUInt32(from + FrameCount) * 8));
            foreach (var frame in frames)
            {
                if (_names.TryGetValue(frame, out var name))
                    named[frame] = name;
            }

            number = (uint)((next - MetadataLayout.Tracks) / 8);
            var size = Frames + ((ulong)frames.Length * 8);
            _memory.Copy(from, next, size);
            next += size;
            _index[HashOf(_memory.ReadInt32(from + Pid), _memory.Span(from + Comm, CommLength), frames)] = number;
            return moved[track] = number;
        }
    }

    private bool Equals(uint track, int pid, ReadOnlySpan<byte> comm, ReadOnlySpan<ulong> frames)
    {
        var at = Address(track);
        return _memory.ReadUInt32(at + FrameCount) == (uint)frames.Length && _memory.ReadInt32(at + Pid) == pid
            && _memory.Span(at + Comm, CommLength).SequenceEqual(comm)
            && System.Runtime.InteropServices.MemoryMarshal.AsBytes(frames).SequenceEqual(_memory.Span(at + Frames, frames.Length * 8));
    }

    private static ulong HashOf(int pid, ReadOnlySpan<byte> comm, ReadOnlySpan<ulong> frames) =>
        Hash(Hash((uint)pid, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(comm)), frames);

    private static ulong Hash(ulong seed, ReadOnlySpan<ulong> words)
    {
        foreach (var word in words)
            seed = System.Numerics.BitOperations.RotateLeft(seed ^ word, 27) * 0x9E3779B97F4A7C15;
        return seed;
    }
}
