using System.Text;
using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>kmod static-nodes: the nodes in /dev whose opening loads a module, for programs that make them at boot.</summary>
internal static class StaticNodesTool
{
    private const string Help = """
        Usage:
        	kmod static-nodes [options]

        kmod static-nodes outputs the static-node information of the currently running kernel.

        Options:
        	-f, --format=FORMAT  choose format to use: see "Formats"
        	-o, --output=FILE    write output to file
        	-h, --help           show this help

        Formats:
        	human        (default) a human readable format. Do not parse.
        	tmpfiles     the tmpfiles.d(5) format used by systemd-tmpfiles.
        	devname      the modules.devname format.

        """;

    private static readonly LongOption[] LongOptions = [new("format", true, 'f'), new("output", true, 'o'), new("help", false, 'h'), new("json", false, 1)];

    public static int Run(ToolContext context, string[] arguments)
    {
        string format = "human";
        string? file = null;
        var options = context.Options(arguments, "f:o:h", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 1:
                    format = "json";
                    break;
                case 'f' when options.Value is "human" or "tmpfiles" or "devname":
                    format = options.Value;
                    break;
                case 'f':
                    context.Log.Plain($"Unknown format: '{options.Value}'.");
                    context.Output.Write(Help);
                    return 1;
                case 'o':
                    file = options.Value;
                    break;
                case 'h':
                    context.Output.Write(Help);
                    return 0;
                default:
                    context.Output.Write(Help);
                    return 1;
            }
        }
        return Convert(context, format, file);
    }

    private static int Convert(ToolContext context, string format, string? file)
    {
        var path = $"{ModuleDirectory.PathFor(context.Host.Release, context.Root)}/modules.devname";
        string[] lines = [];
        try
        {
            lines = File.ReadAllLines(path, Encoding.UTF8);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            context.Log.Plain($"Warning: {path} not found - ignoring");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            context.Log.Plain($"Error: could not open {path} - {ToolErrors.Describe(e)}");
            return 1;
        }
        var nodes = new List<DeviceNode>();
        var exitCode = 0;
        foreach (var line in lines)
        {
            if (line.StartsWith('#'))
            {
                continue;
            }
            if (DeviceNode.Parse(line) is { } node)
            {
                nodes.Add(node);
            }
            else
            {
                context.Log.Plain($"Invalid devname entry: {line}");
                exitCode = 1;
            }
        }
        return Print(context, format, file, nodes) ? exitCode : 1;
    }

    private static bool Print(ToolContext context, string format, string? file, List<DeviceNode> nodes)
    {
        if (file is null)
        {
            Print(context.Output, format, nodes);
            return true;
        }
        try
        {
            if (Path.GetDirectoryName(file) is { Length: > 0 } directory)
            {
                Directory.CreateDirectory(directory);
            }
            using var stream = new FileStream(file, FileMode.Create, FileAccess.Write);
            var output = new StreamOutput(stream);
            Print(output, format, nodes);
            output.Flush();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            context.Log.Plain($"Error: could not create {file} - {ToolErrors.Describe(e)}");
            return false;
        }
    }

    private static void Print(ToolOutput output, string format, List<DeviceNode> nodes)
    {
        if (format == "json")
        {
            PrintJson(output, nodes);
            return;
        }
        foreach (var node in nodes)
        {
            switch (format)
            {
                case "human":
                    var type = node.Type == 'c' ? "character device" : "block device";
                    output.Write($"Module: {node.Module}\n\tDevice node: /dev/{node.DeviceName}\n\t\tType: {type}\n\t\tMajor: {node.Major}\n\t\tMinor: {node.Minor}\n");
                    break;
                case "tmpfiles":
                    if (node.DeviceName!.LastIndexOf('/') is > 0 and var slash)
                    {
                        output.Write($"d /dev/{node.DeviceName.AsSpan(0, slash)} 0755 - - -\n");
                    }
                    output.Write($"{node.Type}! /dev/{node.DeviceName} 0600 - - - {node.Major}:{node.Minor}\n");
                    break;
                default:
                    output.Write($"{node}\n");
                    break;
            }
        }
    }

    private static void PrintJson(ToolOutput output, List<DeviceNode> nodes) => ToolJson.Write(output, json =>
    {
        json.WriteStartArray("nodes");
        foreach (var node in nodes)
        {
            json.WriteStartObject();
            json.WriteString("module", node.Module);
            json.WriteString("device", $"/dev/{node.DeviceName}");
            json.WriteString("type", node.Type == 'c' ? "char" : "block");
            json.WriteNumber("major", node.Major);
            json.WriteNumber("minor", node.Minor);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });
}
