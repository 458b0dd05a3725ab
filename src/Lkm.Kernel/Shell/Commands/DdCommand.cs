using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>dd: copies blocks, one read(2) and one write(2) for each.</summary>
internal static class DdCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        var values = new Dictionary<string, string>();
        foreach (var argument in c.Arguments)
        {
            var equals = argument.IndexOf('=');
            var key = equals < 0 ? argument : argument[..equals];
            if (equals < 0 || key is not ("if" or "of" or "bs" or "count" or "skip" or "seek" or "conv" or "status" or "iflag" or "oflag"))
                return await c.Misused($"invalid argument '{argument}'");
            values[key] = argument[(equals + 1)..];
        }

        var sizes = new Dictionary<string, long> { ["bs"] = 512, ["count"] = long.MaxValue, ["skip"] = 0, ["seek"] = 0 };
        foreach (var key in sizes.Keys.ToList())
        {
            if (!values.TryGetValue(key, out var text))
                continue;
            if (!Numbers.TrySize(text, out var size) || (key == "bs" && size is 0 or > 1 << 30))
                return await c.Fail($"invalid number '{text}'");
            sizes[key] = size;
        }

        var conversions = values.GetValueOrDefault("conv", "").Split(',', StringSplitOptions.RemoveEmptyEntries);
        foreach (var conversion in conversions)
        {
            if (conversion is not ("notrunc" or "fsync" or "sync"))
                return await c.Fail($"invalid argument '{conversion}' for 'conv'");
        }

        if (!TryFlags(values.GetValueOrDefault("iflag", ""), out var inputFlags) || !TryFlags(values.GetValueOrDefault("oflag", ""), out var outputFlags))
            return await c.Fail("invalid flag: append, direct, dsync, nonblock, sync and fullblock are known");
        var copy = new Copy(c, sizes["bs"], sizes["count"], conversions, inputFlags, outputFlags);
        var status = await copy.Run(values.GetValueOrDefault("if"), values.GetValueOrDefault("of"), sizes["skip"], sizes["seek"]);
        if (copy.IsStarted && values.GetValueOrDefault("status") != "none")
            await c.PrintError(copy.Statistics);
        return status;
    }

    private static bool TryFlags(string list, out OpenFlags flags)
    {
        const OpenFlags direct = (OpenFlags)0x4000, dataSync = (OpenFlags)0x1000, sync = (OpenFlags)0x101000;
        flags = OpenFlags.ReadOnly;
        foreach (var name in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            OpenFlags? flag = name switch
            {
                "append" => OpenFlags.Append,
                "direct" => direct,
                "dsync" => dataSync,
                "sync" => sync,
                "nonblock" => OpenFlags.NonBlocking,
                "fullblock" => OpenFlags.ReadOnly,
                _ => null,
            };
            if (flag is null)
                return false;
            flags |= flag.Value;
        }

        return true;
    }

    private sealed class Copy(CommandContext c, long blockSize, long count, string[] conversions, OpenFlags inputFlags, OpenFlags outputFlags)
    {
        private const ulong SeekCurrent = 1; // SEEK_CUR

        private long _fullIn, _partialIn, _fullOut, _partialOut;
        private int _input = -1, _output = -1;

        public bool IsStarted { get; private set; }

        public string Statistics =>
            $"{_fullIn}+{_partialIn} records in\n{_fullOut}+{_partialOut} records out\n";

        public async GuestTask<int> Run(string? from, string? to, long skip, long seek)
        {
            var status = await Open(from, to, seek);
            if (status == 0)
                status = await SkipAndSeek(from, to, skip, seek);
            if (status == 0)
                status = await CopyBlocks(to);
            if (_output >= 0)
            {
                if (status == 0 && conversions.Contains("fsync")
                    && ShellFiles.ErrorOf(await c.Files.Call("fsync", (ulong)_output)) is var error and not Errno.OK)
                {
                    status = await c.Fail($"error syncing '{to}'", error);
                }

                await c.Files.Close(_output);
            }

            if (_input >= 0)
                await c.Files.Close(_input);
            return status;
        }

        private async GuestTask<int> Open(string? from, string? to, long seek)
        {
            if (from is not null && (_input = await c.Files.Open(from, OpenFlags.ReadOnly | inputFlags)) < 0)
                return await c.Fail($"can't open '{from}'", (Errno)(-_input));
            var flags = OpenFlags.WriteOnly | OpenFlags.Create | outputFlags;
            if (seek == 0 && (outputFlags & OpenFlags.Append) == 0 && !conversions.Contains("notrunc"))
                flags |= OpenFlags.Truncate;
            if (to is not null && (_output = await c.Files.Open(to, flags)) < 0)
                return await c.Fail($"can't open '{to}'", (Errno)(-_output));
            return 0;
        }

        private async GuestTask<int> SkipAndSeek(string? from, string? to, long skip, long seek)
        {
            if (skip > 0)
            {
                var sought = _input >= 0 ? await c.Files.Call("lseek", (ulong)_input, (ulong)(skip * blockSize), SeekCurrent) : -(long)Errno.ESPIPE;
                for (var block = 0L; sought < 0 && block < skip; block++)
                {
                    var read = await Read();
                    if (read.Error != Errno.OK)
                        return await c.Fail(from is null ? "read error" : $"error reading '{from}'", read.Error);
                    if (read.IsEnd)
                        break;
                }
            }

            if (seek > 0)
            {
                var sought = _output >= 0 ? await c.Files.Call("lseek", (ulong)_output, (ulong)(seek * blockSize), SeekCurrent) : -(long)Errno.ESPIPE;
                if (sought < 0)
                    return await c.Fail($"can't seek in '{to ?? "standard output"}'", ShellFiles.ErrorOf(sought));
                if (!conversions.Contains("notrunc"))
                    _ = await c.Files.Call("ftruncate", (ulong)_output, (ulong)(seek * blockSize));
            }

            return 0;
        }

        private async GuestTask<int> CopyBlocks(string? to)
        {
            IsStarted = true;
            for (var block = 0L; block < count; block++)
            {
                var read = await Read();
                if (read.Error != Errno.OK)
                    return await c.Fail("read error", read.Error);
                if (read.IsEnd)
                    break;
                var bytes = read.Bytes;
                Count(bytes.Length, ref _fullIn, ref _partialIn);
                if (conversions.Contains("sync"))
                    Array.Resize(ref bytes, (int)blockSize);
                var error = await Write(bytes);
                if (error == Errno.EPIPE && c.OutputFailed)
                    return 1;
                if (error != Errno.OK)
                    return await c.Fail(to is null ? "write error" : $"error writing '{to}'", error);
                Count(bytes.Length, ref _fullOut, ref _partialOut);
            }

            return 0;
        }

        private void Count(long length, ref long full, ref long partial)
        {
            if (length == blockSize)
                full++;
            else
                partial++;
        }

        private GuestTask<Streams.ReadResult> Read() => _input < 0 ? c.Input.Read((int)blockSize) : c.Files.ReadBlock(_input, (int)blockSize);

        private async GuestTask<Errno> Write(byte[] bytes)
        {
            if (_output >= 0)
                return await c.Files.WriteBlock(_output, bytes);
            await c.WriteThrough(bytes);
            return c.OutputFailed ? Errno.EPIPE : Errno.OK;
        }
    }
}
