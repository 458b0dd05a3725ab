namespace Lkm.Cli.Tools;

/// <summary>A parameter of a module, from <c>parm=NAME:DESCRIPTION</c> and <c>parmtype=NAME:TYPE</c>.</summary>
internal sealed class ModuleParameter(byte[] name)
{
    /// <summary>Its name.</summary>
    public byte[] Name { get; } = name;

    /// <summary>What it is for.</summary>
    public byte[]? Description { get; private set; }

    /// <summary>Its type.</summary>
    public byte[]? Type { get; private set; }

    /// <summary>Adds a statement to the parameter that it is about, which becomes the last of the list if it is new.</summary>
    /// <returns>False if the statement has no colon.</returns>
    public static bool Add(List<ModuleParameter> parameters, bool isDescription, byte[] statement)
    {
        var colon = statement.AsSpan().IndexOf((byte)':');
        if (colon < 0)
        {
            return false;
        }
        var name = statement[..colon];
        var parameter = parameters.Find(known => known.Name.AsSpan().SequenceEqual(name));
        if (parameter is null)
        {
            parameter = new(name);
            parameters.Add(parameter);
        }
        if (isDescription)
        {
            parameter.Description = statement[(colon + 1)..];
        }
        else
        {
            parameter.Type = statement[(colon + 1)..];
        }
        return true;
    }
}
