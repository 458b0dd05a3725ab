using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell;

/// <content>Redirections.</content>
public sealed partial class KernelShell
{
    private const int FirstOther = 3, Closed = -1;

    private static readonly int[] AllClosed = [Closed, Closed, Closed, Closed, Closed, Closed, Closed, Closed, Closed, Closed];

    /// <summary>The descriptors of the process that 3 to 9 stand for; replaced, not changed, as others may hold on to it.</summary>
    private int[] _descriptors = AllClosed;

    /// <summary>exec and nothing but redirections: 3 to 9 stay as they are for the rest of the line.</summary>
    private async GuestTask<int> RedirectForGood(
        ISystemCalls process, ShellFiles files, IReadOnlyList<Redirection> redirections, StandardStreams streams)
    {
        if (redirections.Any(redirection => redirection.Descriptor < FirstOther))
        {
            await Complain(streams, "exec: only 3 to 9 can be redirected for the rest of a line; { ...; } > FILE redirects the output of commands");
            return SyntaxError;
        }

        var before = _descriptors;
        if (await Redirect(process, files, redirections, streams, []) is null)
            return 1;
        foreach (var descriptor in before)
        {
            if (descriptor != Closed && !_descriptors.Contains(descriptor))
                await files.Close(descriptor);
        }

        return 0;
    }

    private async GuestTask<StandardStreams?> Redirect(
        ISystemCalls process, ShellFiles files, IReadOnlyList<Redirection> redirections, StandardStreams streams, List<int> opened)
    {
        foreach (var redirection in redirections)
        {
            var target = string.Join(' ', await Expand(process, [redirection.Target], streams));
            if (redirection.Kind == RedirectionKind.Duplicate)
            {
                if (!TryDuplicate(files, redirection.Descriptor, target, ref streams))
                {
                    await Complain(streams, $"{target}: bad file descriptor");
                    return null;
                }

                continue;
            }

            var flags = redirection.Kind switch
            {
                RedirectionKind.Read => OpenFlags.ReadOnly,
                RedirectionKind.ReadWrite => OpenFlags.ReadWrite | OpenFlags.Create,
                RedirectionKind.Append => OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Append,
                _ => OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate,
            };
            var descriptor = await files.Open(target, flags);
            if (descriptor < 0)
            {
                var reads = redirection.Kind == RedirectionKind.Read;
                var reason = -descriptor != (int)Errno.ENOENT ? ((Errno)(-descriptor)).Message() : reads ? "no such file" : "nonexistent directory";
                await Complain(streams, $"can't {(reads ? "open" : "create")} {target}: {reason}");
                return null;
            }

            opened.Add(descriptor);
            Connect(redirection.Descriptor, descriptor, new DescriptorStream(files, descriptor), ref streams);
        }

        return streams;
    }

    private bool TryDuplicate(ShellFiles files, int number, string target, ref StandardStreams streams)
    {
        if (target == "-")
        {
            var nothing = new HostStream(Stream.Null);
            _descriptors = With(number, Closed);
            streams = number switch
            {
                0 => streams with { Input = nothing },
                1 => streams with { Output = nothing },
                2 => streams with { Errors = nothing },
                _ => streams,
            };
            return true;
        }

        if (!int.TryParse(target, NumberStyles.None, CultureInfo.InvariantCulture, out var source))
            return false;
        if (source < FirstOther && number is 1 or 2 && source is 1 or 2)
        {
            var sink = source == 1 ? streams.Output : streams.Errors;
            streams = number == 1 ? streams with { Output = sink } : streams with { Errors = sink };
            return true;
        }

        if (source >= _descriptors.Length || _descriptors[source] is Closed)
            return false;
        var descriptor = _descriptors[source];
        Connect(number, descriptor, new DescriptorStream(files, descriptor), ref streams);
        return true;
    }

    private void Connect(int number, int descriptor, DescriptorStream stream, ref StandardStreams streams)
    {
        if (number >= FirstOther)
            _descriptors = With(number, descriptor);
        else
            streams = number switch { 0 => streams with { Input = stream }, 1 => streams with { Output = stream }, _ => streams with { Errors = stream } };
    }

    private int[] With(int number, int descriptor)
    {
        var changed = (int[])_descriptors.Clone();
        changed[number] = descriptor;
        return changed;
    }
}
