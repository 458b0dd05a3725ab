using System.Runtime.CompilerServices;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Streams;

/// <summary>
/// A pipe between two commands of one guest task. The two are coroutines: the reader runs until it finds the pipe empty, then the writer
/// until the pipe is full or the writer is done. Only one of them runs at a time, so that their system calls, which
/// share the task's stack and its user buffer, never interleave.
/// </summary>
/// <param name="startWriter">Starts the command that writes; called when something is first read, or when nobody will read any more.</param>
internal sealed class Pipe(Func<GuestTask> startWriter) : IByteSource, IByteSink
{
    /// <summary>Bytes at which the writer waits for the reader, as in a pipe of Linux.</summary>
    public const int Capacity = 64 * 1024;

    private readonly Queue<ReadOnlyMemory<byte>> _chunks = new();
    private ReadOnlyMemory<byte> _rest;
    private Action? _reader, _writer;
    private int _buffered;
    private bool _isStarted, _writerDone, _readerDone;

    /// <inheritdoc/>
    public async GuestTask<ReadResult> Read(int count)
    {
        while (_buffered == 0 && !_writerDone)
            await new Turn(this, isReader: true);
        if (_buffered == 0)
            return ReadResult.End;
        if (_rest.IsEmpty)
            _rest = _chunks.Dequeue();
        var length = Math.Min(count, _rest.Length);
        var bytes = _rest[..length].ToArray();
        _rest = _rest[length..];
        _buffered -= length;
        return new ReadResult(bytes, Errno.OK);
    }

    /// <inheritdoc/>
    public async GuestTask<Errno> Write(ReadOnlyMemory<byte> bytes)
    {
        if (_readerDone)
            return Errno.EPIPE;
        if (bytes.IsEmpty)
            return Errno.OK;
        _chunks.Enqueue(bytes.ToArray());
        _buffered += bytes.Length;
        while (_buffered >= Capacity && !_readerDone)
            await new Turn(this, isReader: false);
        return Errno.OK;
    }

    /// <summary>Ends the reading: the writer finds the pipe broken, and runs to its end.</summary>
    public async GuestTask CloseReader()
    {
        _readerDone = true;
        while (!_writerDone)
            await new Turn(this, isReader: true);
    }

    private void Start()
    {
        _isStarted = true;
        var task = startWriter();
        task.OnCompleted(() =>
        {
            task.GetResult();
            _writerDone = true;
            Take(ref _reader)();
        });
    }

    private void SwitchToWriter()
    {
        if (_isStarted)
            Take(ref _writer)();
        else
            Start();
    }

    private static Action Take(ref Action? continuation)
    {
        var taken = continuation!;
        continuation = null;
        return taken;
    }

    /// <summary>Gives the turn to the other side; it comes back when that one waits or is done.</summary>
    private readonly struct Turn(Pipe pipe, bool isReader) : INotifyCompletion
    {
        public bool IsCompleted => false;

        public Turn GetAwaiter() => this;

        public void GetResult()
        {
            // A turn has no result.
        }

        public void OnCompleted(Action continuation)
        {
            if (isReader)
            {
                pipe._reader = continuation;
                pipe.SwitchToWriter();
            }
            else
            {
                pipe._writer = continuation;
                Take(ref pipe._reader)();
            }
        }
    }
}
