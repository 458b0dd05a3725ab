using Lkm.Formats;
using Lkm.Formats.Modules;
using Lkm.Formats.Signatures;
using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>A statement of a module about itself.</summary>
internal sealed class ModinfoField(string key, byte[] value)
{
    public string Key { get; } = key;

    public byte[] Value { get; } = value;
}

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
    private readonly List<ModinfoDocument>? _documents = asJson ? [] : null;
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
        else if ((fields = FileFields(module.Path, out var error)) is null)
        {
            if (field == "filename" || field is null)
            {
                PrintFile(null, module.Path);
            }
            return Failed(module, KmodErrno.Of(error!, module.Path));
        }
        var file = builtIn ? "(builtin)" : module.Path!;
        if (_documents is not null)
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
        if (_documents is not null)
        {
            ModinfoJson.Write(_output, _documents);
        }
    }

    private int Failed(ModuleEntry module, Errno errno) => context.Log.Error($"could not get modinfo from '{module.Name}': {errno.Message()}");

    private void PrintFile(string? name, string file)
    {
        if (_documents is not null)
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
                PrintLabelled("name", LosslessText.Encode(name));
            }
            Label("filename");
            _output.Write(file).Write(_separator);
        }
    }

    private void PrintFields(List<ModinfoField> fields)
    {
        List<ModuleParameter>? parameters = null;
        for (var i = 0; i < fields.Count; i++)
        {
            var (key, value) = (fields[i].Key, fields[i].Value);
            if (key is Parameter or "parmtype" && field is null or Parameter)
            {
                parameters = AddParameter(parameters, key, value);
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
        if (parameters is not null)
        {
            PrintParameters(parameters);
        }
    }

    private List<ModuleParameter> AddParameter(List<ModuleParameter>? parameters, string key, byte[] value)
    {
        parameters ??= [];
        if (!ModuleParameter.Add(parameters, key == Parameter, value))
        {
            context.Log.Error($"Found invalid \"{key}={LosslessText.Decode(value)}\": missing ':'");
        }
        return parameters;
    }

    /// <summary>Prints parameters, the last first, as kmod's list comes out.</summary>
    private void PrintParameters(List<ModuleParameter> parameters)
    {
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
        _output.Write(key).Write(":").WriteSpaces(Math.Abs(LabelWidth - 1 - LosslessText.Encode(key).Length));
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

    private static List<ModinfoField>? FileFields(string path, out FormatError? error)
    {
        if (ModuleDescription.Read(path, out error) is not { } file)
        {
            return null;
        }
        var fields = new List<ModinfoField>();
        var entries = file.Info.Entries;
        for (var i = 0; i < entries.Count; i++)
        {
            fields.Add(new(LosslessText.Decode(entries[i].KeyUtf8), entries[i].ValueUtf8.ToArray()));
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
        fields.Add(new("sig_id", LosslessText.Encode(signature.IdTypeName)));
        fields.Add(new("signer", LosslessText.Encode(signature.Signer)));
        fields.Add(new("sig_key", Hex(signature.KeyId.Span)));
        fields.Add(new("sig_hashalgo", LosslessText.Encode(signature.HashAlgorithm)));
        fields.Add(new("signature", Hex(signature.Signature.Span)));
    }

    /// <summary>Bytes as <c>AB:CD</c>, 20 to a line.</summary>
    private static byte[] Hex(ReadOnlySpan<byte> bytes)
    {
        const int perLine = 20;
        var text = new byte[bytes.Length * 3 + bytes.Length / perLine * 3];
        var length = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            text[length++] = HexDigit(bytes[i] >> 4);
            text[length++] = HexDigit(bytes[i] & 15);
            if (i + 1 < bytes.Length)
            {
                text[length++] = (byte)':';
                if ((i + 1) % perLine == 0)
                {
                    text[length++] = (byte)'\n';
                    text[length++] = (byte)'\t';
                    text[length++] = (byte)'\t';
                }
            }
        }
        return text[..length];
    }

    private static byte HexDigit(int value) => (byte)(value < 10 ? '0' + value : 'A' + value - 10);
}
