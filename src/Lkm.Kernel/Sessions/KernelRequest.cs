using System.Collections.Concurrent;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Shell;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Sessions;

/// <summary>
/// Something that runs in a resident kernel for a client, in a process of its own. The public members may be used by any thread.
/// </summary>
public sealed class KernelRequest
{
    private readonly ResidentKernel _kernel;
    private readonly ConcurrentQueue<ReadOnlyMemory<byte>> _input = new();
    private readonly TaskCompletionSource<int> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _inputEnded;
    private ulong _sleeper;
    private long _signalledAt;

    internal KernelRequest(ResidentKernel kernel, IRequestClient client)
    {
        _kernel = kernel;
        Client = client;
    }

    /// <summary>Ends with the exit status.</summary>
    public Task<int> Completion => _completion.Task;

    internal IRequestClient Client { get; }

    /// <summary>The process, for the thread that runs the guest.</summary>
    internal GuestProcess Process { get; set; } = null!;

    /// <summary>Whether the process waits for its client, for which no virtual time need pass.</summary>
    internal bool WaitsForClient => _sleeper != 0;

    /// <summary>Whether the process is to be ended wherever it is.</summary>
    internal bool MustEnd { get; private set; }

    /// <summary>Gives the process input.</summary>
    public void Supply(ReadOnlyMemory<byte> bytes)
    {
        if (!bytes.IsEmpty)
            _input.Enqueue(bytes);
        WakeUp();
    }

    /// <summary>Tells the process that its input is at its end.</summary>
    public void EndInput()
    {
        _inputEnded = true;
        WakeUp();
    }

    /// <summary>Tells that the client can take output again, or is gone.</summary>
    public void WakeUp() => _kernel.Post(() => _kernel.Wake(_sleeper));

    /// <summary>Sends the process a signal, which it takes when it next leaves the kernel or sleeps interruptibly.</summary>
    /// <param name="signal">Its number.</param>
    public void Signal(int signal) => _kernel.Post(() =>
    {
        _signalledAt = _kernel.Instructions;
        _kernel.SendSignal(Process, signal);
    });

    /// <summary>
    /// Ends the process wherever it is, as an oops does, when it has the processor: its mutexes stay locked. One that sleeps
    /// uninterruptibly stays, as on Linux; the request ends all the same. One that had no time yet to take its signal, as the machine is slow, gets it.
    /// </summary>
    public void End() => _kernel.Post(() =>
    {
        MustEnd = true;
        TryEnd();
    });

    /// <summary>Does what <see cref="End"/> asked for, if it may be done by now.</summary>
    internal void TryEnd()
    {
        const int killed = 128 + 9;
        const long patience = 20_000_000; // instructions
        if (_kernel.HasProcessor(Process))
        {
            if (_kernel.Instructions - _signalledAt > patience)
                _kernel.EndRunning();
        }
        else if (!Process.IsOver)
        {
            Complete(killed);
        }
    }

    internal void Complete(int status) => _completion.TrySetResult(status);

    /// <summary>The streams of a process.</summary>
    internal StandardStreams Streams(UserProcess process) =>
        new(new Source(this, process), new Sink(this, process, 1), new Sink(this, process, 2));

    /// <summary>Sleeps interruptibly until the client has done something. Signals are taken on the way, and may end the process.</summary>
    private async GuestTask Sleep(UserProcess process, Func<bool> isAwake)
    {
        while (!isAwake())
        {
            _sleeper = await _kernel.Sleep(() =>
            {
                _sleeper = _kernel.CurrentTask;
                return isAwake();
            });
            await process.SystemCall("getppid"); // the way back to user mode, where signals are taken
        }
    }

    private sealed class Sink(KernelRequest request, UserProcess process, int descriptor) : IByteSink
    {
        public async GuestTask<Errno> Write(ReadOnlyMemory<byte> bytes)
        {
            var client = request.Client;
            if (client.IsFull && !client.IsGone)
                await request.Sleep(process, () => !client.IsFull || client.IsGone);
            if (client.IsGone)
                return Errno.EPIPE;
            client.Write(descriptor, bytes.Span);
            return Errno.OK;
        }
    }

    private sealed class Source(KernelRequest request, UserProcess process) : IByteSource
    {
        private ReadOnlyMemory<byte> _rest;

        public async GuestTask<ReadResult> Read(int count)
        {
            if (_rest.IsEmpty && !request._input.TryDequeue(out _rest))
            {
                if (request._inputEnded)
                    return ReadResult.End;
                request.Client.WantInput();
                await request.Sleep(process, () => !request._input.IsEmpty || request._inputEnded || request.Client.IsGone);
                if (!request._input.TryDequeue(out _rest))
                    return ReadResult.End;
            }

            var part = _rest[..Math.Min(count, _rest.Length)];
            _rest = _rest[part.Length..];
            return new ReadResult(part.ToArray(), Errno.OK);
        }
    }
}
