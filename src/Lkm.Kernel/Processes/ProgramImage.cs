using System.Buffers.Binary;

namespace Lkm.Kernel.Processes;

/// <summary>
/// A file that programs of the root file system are: a static ELF executable as execve(2) takes it, with the SYSCALL instruction that a process
/// makes its calls with, and a .bss for what it passes them. What a program does besides is C#.
/// </summary>
/// <param name="textAddress">Where it is loaded.</param>
internal sealed class ProgramImage(ulong textAddress)
{
    /// <summary>/bin/busybox, which Debian links statically, to the usual address.</summary>
    public static readonly ProgramImage Busybox = new(0x400000);

    /// <summary>/bin/kmod, which is position-independent: nothing is mapped at low addresses, as page faults' reports tell ("PGD 0 P4D 0").</summary>
    public static readonly ProgramImage Kmod = new(0x5555_5555_4000); // ELF_ET_DYN_BASE without randomization

    /// <summary>The address of the SYSCALL instruction, which is the entry point.</summary>
    public ulong SystemCallInstruction { get; } = textAddress + HeadersSize;

    /// <summary>The address of the data segment.</summary>
    public ulong DataAddress { get; } = textAddress + 0x200000;

    /// <summary>The program's code: syscall, and a jump back to it.</summary>
    public static ReadOnlySpan<byte> Code => [0x0f, 0x05, 0xeb, 0xfc];

    private const ulong PageSize = 0x1000;
    private const int FileHeaderSize = 64, ProgramHeaderSize = 56, Segments = 3, HeadersSize = FileHeaderSize + (Segments * ProgramHeaderSize);

    /// <summary>The image whose instruction a process has made its system call with; null is machine code of somebody else.</summary>
    /// <param name="instruction">The address behind which the process is to go on, or that of the entry point.</param>
    public static ProgramImage? At(ulong instruction) =>
        instruction == Busybox.SystemCallInstruction ? Busybox : instruction == Kmod.SystemCallInstruction ? Kmod : null;

    /// <summary>The bytes of the file.</summary>
    /// <param name="dataSize">The size of the data segment, in bytes.</param>
    public byte[] Build(int dataSize)
    {
        const ushort executable = 2, x86_64 = 62; // ET_EXEC, EM_X86_64
        const uint load = 1, gnuStack = 0x6474e551; // PT_LOAD, PT_GNU_STACK
        const uint read = 4, write = 2, execute = 1;
        var file = new byte[HeadersSize + Code.Length];
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(16), executable);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), x86_64);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(20), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(24), SystemCallInstruction);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), FileHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(52), FileHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), ProgramHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), Segments);
        WriteSegment(file, 0, load, read | execute, textAddress, file.Length, file.Length);
        WriteSegment(file, 1, load, read | write, DataAddress, 0, dataSize);
        WriteSegment(file, 2, gnuStack, read | write, 0, 0, 0);
        Code.CopyTo(file.AsSpan(HeadersSize));
        return file;
    }

    private static void WriteSegment(byte[] file, int index, uint type, uint flags, ulong address, int fileSize, int memorySize)
    {
        var header = file.AsSpan(FileHeaderSize + (index * ProgramHeaderSize));
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)fileSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], (ulong)memorySize);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], PageSize);
    }
}
