using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Registers, flags and SSE registers before or after some instructions.</summary>
internal sealed class Registers
{
    internal ulong[] Gpr { get; init; } = new ulong[16];

    internal ulong Flags { get; set; } = 2;

    internal UInt128[] Xmm { get; init; } = new UInt128[16];
}

/// <summary>
/// Executes bytes on the processor these tests run on: a page that loads all registers from a record, runs the bytes, and stores
/// the registers. Record, code and data lie below 2 GiB, so that no register is needed to find the record.
/// </summary>
internal sealed unsafe class NativeCpu : IDisposable
{
    private const int In = 0, Out = 1024, HostStack = 2048, XmmOffset = 256, FlagsOffset = 128;
    private const nuint Size = 0x20000;
    private const int CodeOffset = 0x1000, DataOffset = 0x10000, StackTop = 0x1F000;
    private static readonly AssemblerRegister64[] Gprs = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];
    private static readonly AssemblerRegisterXMM[] Xmms =
        [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    private readonly byte* _base;
    private readonly byte[] _before, _after;

    [DllImport("libc", EntryPoint = "mmap")]
    private static extern nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [DllImport("libc", EntryPoint = "munmap")]
    private static extern int Unmap(nint address, nuint length);

    internal NativeCpu()
    {
        const int ReadWriteExecute = 7, PrivateAnonymous32Bit = 0x62;
        _base = (byte*)Map(0, Size, ReadWriteExecute, PrivateAnonymous32Bit, -1, 0);
        Assert.True((nint)_base > 0);
        (_before, _after) = (Prologue(), Epilogue());
    }

    internal static bool Available => RuntimeInformation.ProcessArchitecture == Architecture.X64 && OperatingSystem.IsLinux();

    internal ulong Data => (ulong)_base + DataOffset;

    internal ulong Stack => (ulong)_base + StackTop - 0x800;

    internal Span<byte> Bytes(ulong address, int length) => new((void*)address, length);

    internal Registers Execute(Registers before, ReadOnlySpan<byte> code)
    {
        var at = new Span<byte>(_base + CodeOffset, 0x4000);
        _before.CopyTo(at);
        code.CopyTo(at[_before.Length..]);
        _after.CopyTo(at[(_before.Length + code.Length)..]);
        before.Gpr.CopyTo(new Span<ulong>(_base + In, 16));
        *(ulong*)(_base + In + FlagsOffset) = before.Flags;
        before.Xmm.CopyTo(new Span<UInt128>(_base + In + XmmOffset, 16));
        ((delegate* unmanaged<void>)(_base + CodeOffset))();
        return new Registers
        {
            Gpr = new Span<ulong>(_base + Out, 16).ToArray(),
            Flags = *(ulong*)(_base + Out + FlagsOffset),
            Xmm = new Span<UInt128>(_base + Out + XmmOffset, 16).ToArray(),
        };
    }

    private AssemblerMemoryOperand Slot(int offset) => __[(long)_base + offset];

    private byte[] Prologue() => Assemble(a =>
    {
        foreach (var saved in new[] { rbx, rbp, r12, r13, r14, r15 })
            a.push(saved);
        a.mov(__qword_ptr[Slot(HostStack)], rsp);
        for (var i = 0; i < 16; i++)
            a.movups(Xmms[i], __xmmword_ptr[Slot(In + XmmOffset + 16 * i)]);
        a.push(__qword_ptr[Slot(In + FlagsOffset)]);
        a.popfq();
        for (var i = 0; i < 16; i++)
            a.mov(Gprs[i], __qword_ptr[Slot(In + 8 * i)]);
    });

    private byte[] Epilogue() => Assemble(a =>
    {
        for (var i = 0; i < 16; i++)
            a.mov(__qword_ptr[Slot(Out + 8 * i)], Gprs[i]);
        a.mov(rsp, __qword_ptr[Slot(HostStack)]);
        a.pushfq();
        a.pop(__qword_ptr[Slot(Out + FlagsOffset)]);
        a.cld();
        for (var i = 0; i < 16; i++)
            a.movups(__xmmword_ptr[Slot(Out + XmmOffset + 16 * i)], Xmms[i]);
        foreach (var saved in new[] { r15, r14, r13, r12, rbp, rbx })
            a.pop(saved);
        a.ret();
    });

    private static byte[] Assemble(Action<Assembler> code)
    {
        var assembler = new Assembler(64);
        code(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), 0x1000);
        return stream.ToArray();
    }

    public void Dispose() => Unmap((nint)_base, Size);
}
