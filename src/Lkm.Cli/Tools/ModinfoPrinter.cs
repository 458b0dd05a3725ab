using System.Text;
using Lkm.Formats;
using Lkm.Formats.Modules;
using Lkm.Formats.Signatures;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>A statement of a module about itself.</summary>
internal sealed record ModinfoField(string Key, byte[] Value);

/// <summary>A module's statements, to be printed at the end.</summary>
internal sealed record ModinfoDocument(string? Name, string File, List<ModinfoField> Fields);

/// <summary>Prints what modules say about themselves, in modinfo's form.</summary>
/// <param name="context">The tool.</param>
/// <param name="field">The only field to print; null for all.</param>
/// <param name="nul">Whether a NUL stands behind each value instead of a newline.</param>
/// <param name="asJson">Whether all goes into one JSON document, written by <see cref="Finish"/>.</param>
internal sealed class ModinfoPrinter(ToolContext context, string? field, bool nul, bool asJson)
{
    private const int LabelWidth = 16;
    private const string Parameter = "parm";

    private readonly ToolOutput _output = context.Output;
    private readonly List<ModinfoDocument> _documents = [];
    private readonly string _separator = nul ? "\0" : "\n";
    private BuiltInModules? _builtIn;

    /// <summary>Prints one module.</summary>
    /// <returns>The exit code.</returns>
    public int Print(ModuleEntry module)
    {
        var builtIn = module.Path is null && module.IsBuiltIn;
        List<ModinfoField>? fields;
        if (builtIn)
        {
            fields = BuiltInFields(module);
        }
        else if (module.Path is null)
        {
            return Failed(module, Errno.ENOENT);
        }
        else if (!FileFields(module.Path).TryGet(out fields, out var error))
        {
            if (field == "filename" || field is null)
            {
                PrintFile(null, module.Path);
            }
            return Failed(module, KmodErrno.Of(error, module.Path));
        }
        var file = builtIn ? "(builtin)" : module.Path!;
        if (asJson)
        {
            _documents.Add(new(builtIn ? module.Name : null, file, fields));
            return 0;
        }
        PrintFile(builtIn ? module.Name : null, file);
        if (field != "filename")
        {
            PrintFields(fields);
        }
        return 0;
    }

    /// <summary>Writes what could only be written once all modules were known.</summary>
    public void Finish()
    {
        if (asJson)
        {
            ModinfoJson.Write(_output, _documents);
        }
    }

    private int Failed(ModuleEntry module, Errno errno) => context.Log.Error($"could not get modinfo from '{module.Name}': {errno.Message()}");

    private void PrintFile(string? name, string file)
    {
        if (asJson)
        {
            return;
        }
        if (field == "filename")
        {
            _output.Write(file).Write(_separator);
        }
        else if (field is null)
        {
            if (name is not null)
            {
                PrintLabelled("name", Encoding.UTF8.GetBytes(name));
            }
            Label("filename");
            _output.Write(file).Write(_separator);
        }
    }

    private void PrintFields(List<ModinfoField> fields)
    {
        var parameters = new List<ModuleParameter>();
        foreach (var (key, value) in fields)
        {
            if (key is Parameter or "parmtype" && field is null or Parameter)
            {
                if (!ModuleParameter.Add(parameters, key == Parameter, value))
                {
                    context.Log.Error($"Found invalid \"{key}={LosslessText.Decode(value)}\": missing ':'");
                }
            }
            else if (field is null)
            {
                if (nul)
                {
                    _output.Write(key).Write("=").Write(value).Write(_separator);
                }
                else
                {
                    PrintLabelled(key, value);
                }
            }
            else if (field == key)
            {
                _output.Write(value).Write(_separator);
            }
        }
        for (var i = parameters.Count - 1; i >= 0; i--)
        {
            PrintParameter(parameters[i]);
        }
    }

    private void PrintParameter(ModuleParameter parameter)
    {
        if (field is null)
        {
            Label(Parameter);
            _output.Write(parameter.Name).Write(":"u8);
            if (parameter.Description is null)
            {
                _output.Write(parameter.Type);
            }
        }
        else
        {
            _output.Write(parameter.Name).Write(":"u8);
            if (parameter.Description is null)
            {
                _output.Write(" ("u8).Write(parameter.Type).Write(")"u8);
            }
        }
        if (parameter.Description is not null)
        {
            _output.Write(parameter.Description);
            if (parameter.Type is not null)
            {
                _output.Write(" ("u8).Write(parameter.Type).Write(")"u8);
            }
        }
        _output.Write(_separator);
    }

    private void PrintLabelled(string key, byte[] value)
    {
        Label(key);
        _output.Write(value).Write(_separator);
    }

    /// <summary>The key, a colon, and spaces: one less than the column's rest, or for longer keys as many as they are too long (printf's negative width).</summary>
    private void Label(string key)
    {
        _output.Write(key).Write(":").WriteSpaces(Math.Abs(LabelWidth - 1 - Encoding.UTF8.GetByteCount(key)));
    }

    private List<ModinfoField> BuiltInFields(ModuleEntry module)
    {
        _builtIn ??= BuiltInModules.Read(module.DirectoryPath);
        var fields = new List<ModinfoField>();
        foreach (var info in _builtIn.Info ?? [])
        {
            if (info.Module == module.Name)
            {
                fields.Add(new(info.Key, LosslessText.Encode(info.Value)));
            }
        }
        if (field == "name")
        {
            // Otherwise it stands above the file name; asked for alone it is a field like others.
            fields.Add(new("name", LosslessText.Encode(module.Name)));
        }
        return fields;
    }

    private Result<List<ModinfoField>> FileFields(string path)
    {
        if (HostProcess.ReadFile(path, out var errno) is not { } bytes)
        {
            return new FormatError(path, -1, $"cannot be read: {errno.Message()}", errno);
        }
        if (!ModuleFile.Parse(bytes, path).TryGet(out var file, out var error))
        {
            return error;
        }
        var fields = new List<ModinfoField>();
        foreach (var entry in file.Info.Entries)
        {
            fields.Add(new(LosslessText.Decode(entry.KeyUtf8), entry.ValueUtf8.ToArray()));
        }
        if (file.Elf.BuildId() is { IsEmpty: false } buildId)
        {
            fields.Add(new("build-id", Hex(buildId.Span)));
        }
        if (file.Signature().ValueOr(null) is { } signature)
        {
            AddSignature(fields, signature);
        }
        return fields;
    }

    private static void AddSignature(List<ModinfoField> fields, ModuleSignature signature)
    {
        fields.Add(new("sig_id", Encoding.UTF8.GetBytes(signature.IdTypeName)));
        fields.Add(new("signer", Encoding.UTF8.GetBytes(signature.Signer)));
        fields.Add(new("sig_key", Hex(signature.KeyId.Span)));
        fields.Add(new("sig_hashalgo", Encoding.UTF8.GetBytes(signature.HashAlgorithm)));
        fields.Add(new("signature", Hex(signature.Signature.Span)));
    }

    /// <summary>Bytes as <c>AB:CD</c>, 20 to a line.</summary>
    private static byte[] Hex(ReadOnlySpan<byte> bytes)
    {
        const int perLine = 20;
        var text = new StringBuilder(bytes.Length * 3 + bytes.Length / perLine * 3);
        for (var i = 0; i < bytes.Length; i++)
        {
            text.Append(HexDigits[bytes[i] >> 4]).Append(HexDigits[bytes[i] & 15]);
            if (i + 1 < bytes.Length)
            {
                text.Append(':');
                if ((i + 1) % perLine == 0)
                {
                    text.Append("\n\t\t");
                }
            }
        }
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private const string HexDigits = "0123456789ABCDEF";
}
