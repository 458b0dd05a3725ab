using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Processes;

/// <content>Programs.</content>
public sealed partial class UserProcess
{
    /// <summary>Becomes another program by execve(2): a new address space, with the program's segments, its arguments on the stack and the vDSO.</summary>
    /// <param name="path">The program's file.</param>
    /// <param name="arguments">argv; the first one is the program's name.</param>
    /// <param name="environment">The environment, as NAME=VALUE.</param>
    /// <returns>Why it has not; then the process is as it was.</returns>
    public async GuestTask<Errno> Execute(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        var strings = new List<byte>();
        var pointers = new List<ulong>();
        if (Encoding.UTF8.GetByteCount(path) + Length(arguments) + Length(environment) > BufferSize)
            return Errno.E2BIG;
        var size = sizeof(ulong) * (arguments.Count + environment.Count + 2);
        _used = 0;
        Add(arguments);
        var environmentAt = pointers.Count;
        Add(environment);
        Append(path);
        var block = new byte[size + strings.Count];
        for (var i = 0; i < pointers.Count; i++)
            BitConverter.TryWriteBytes(block.AsSpan(i * sizeof(ulong)), pointers[i]);
        strings.CopyTo(block, size);
        var at = await Put(block);
        var file = at + (ulong)(block.Length - Encoding.UTF8.GetByteCount(path) - 1);
        IsInSystemCall = true;
        var regs = await _kernel.SystemCalls.Enter(Call("execve", new UserRegisters { Di = file, Si = at, Dx = at + ((ulong)environmentAt * sizeof(ulong)) }));
        IsInSystemCall = false;
        if (ShellFiles.ErrorOf((long)_memory.ReadUInt64(regs + PtRegs.Ax)) is var error and not Errno.OK)
            return error;
        UseProgram(regs);
        await TouchCode();
        return Errno.OK;

        void Add(IReadOnlyList<string> texts)
        {
            foreach (var text in texts)
            {
                pointers.Add(Buffer + (ulong)(size + strings.Count));
                Append(text);
            }

            pointers.Add(0);
        }

        void Append(string text)
        {
            strings.AddRange(Encoding.UTF8.GetBytes(text));
            strings.Add(0);
        }

        static int Length(IReadOnlyList<string> texts)
        {
            var length = sizeof(ulong);
            foreach (var text in texts)
                length += Encoding.UTF8.GetByteCount(text) + 1 + sizeof(ulong);
            return length;
        }
    }

    /// <summary>The process of a task that has become a program, as kernel_execve() does it, and is about to return to user mode.</summary>
    /// <param name="kernel">The kernel; the task is the running one.</param>
    /// <param name="regs">The address of the task's struct pt_regs.</param>
    internal static UserProcess OfProgram(UserModeKernel kernel, ulong regs)
    {
        var process = new UserProcess(kernel);
        process.UseProgram(regs);
        return process;
    }

    /// <inheritdoc/>
    public async GuestTask<List<string>?> ProgramArguments()
    {
        var entry = _memory.ReadUInt64(_memory.ReadUInt64(_kernel.PerCpu.TopOfStack) - PtRegs.Size + PtRegs.Ip);
        if (ProgramImage.At(entry) is null || await TryRead(entry, ProgramImage.Code.Length) is not { } code || !code.AsSpan().SequenceEqual(ProgramImage.Code))
            return null;
        return await Texts(_stack + sizeof(ulong));
    }

    /// <inheritdoc/>
    public async GuestTask<List<string>> ProgramEnvironment()
    {
        var arguments = BitConverter.ToUInt64(await Get(_stack, sizeof(ulong)));
        return await Texts(_stack + ((arguments + 2) * sizeof(ulong))); // behind argc, argv and its null
    }

    /// <summary>The texts that pointers lead to, up to a null.</summary>
    private async GuestTask<List<string>> Texts(ulong address)
    {
        const int most = 4096;
        var texts = new List<string>();
        for (; texts.Count < most && BitConverter.ToUInt64(await Get(address, sizeof(ulong))) is not 0 and var text; address += sizeof(ulong))
            texts.Add(await Text(text));
        return texts;
    }

    private async GuestTask<string> Text(ulong address)
    {
        var text = new List<byte>();
        for (byte next; (next = (await Get(address + (ulong)text.Count, 1))[0]) != 0;)
            text.Add(next);
        return Encoding.UTF8.GetString([.. text]);
    }

    /// <summary>kernel_execve(): the running kernel thread becomes a program, whose one argument is its name.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="path">The program's file.</param>
    /// <param name="variables">The environment.</param>
    /// <returns>Whether it has; not where the root file system has no such program.</returns>
    internal static async GuestTask<bool> Become(UserModeKernel kernel, string path, IReadOnlyList<string> variables)
    {
        var memory = kernel.Memory;
        using var scratch = new StackScratch(kernel.Cpu, memory);
        var name = scratch.Take(path);
        var arguments = scratch.Take(2 * sizeof(ulong));
        var environment = scratch.Take(sizeof(ulong) * (variables.Count + 1));
        memory.WriteUInt64(arguments, name);
        for (var i = 0; i < variables.Count; i++)
            memory.WriteUInt64(environment + ((ulong)i * sizeof(ulong)), scratch.Take(variables[i]));
        return (int)await kernel.Calls.Call(kernel.Image.Symbol("kernel_execve"), name, arguments, environment) >= 0;
    }

    private async GuestTask<bool> BecomeShell()
    {
        if (!await Become(_kernel, "/bin/sh", ShellEnvironment.Variables))
            return false;
        UseProgram(_memory.ReadUInt64(_kernel.PerCpu.TopOfStack) - PtRegs.Size);
        return true;
    }

    /// <summary>What a program executes is in memory, where an oops looks for it; C# would not have it read.</summary>
    private async GuestTask TouchCode() => await TryRead(_instruction, ProgramImage.Code.Length);

    /// <summary>The address space is now that of a program that execve(2) has loaded.</summary>
    /// <param name="regs">The address of the task's struct pt_regs.</param>
    private void UseProgram(ulong regs)
    {
        // What is somebody else's program has no room for arguments; it is ended before it makes a call.
        var image = ProgramImage.At(_memory.ReadUInt64(regs + PtRegs.Ip)) ?? ProgramImage.Busybox;
        _instruction = image.SystemCallInstruction;
        _stack = _memory.ReadUInt64(regs + PtRegs.Sp);
        Buffer = image.DataAddress;
        _used = 0;
    }
}
