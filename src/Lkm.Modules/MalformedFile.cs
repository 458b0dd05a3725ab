namespace Lkm.Modules;

/// <summary>Why bytes from outside could not be understood.</summary>
/// <param name="File">The file's path, as it was given to the reader.</param>
/// <param name="Offset">Where in the file, in bytes from its start.</param>
/// <param name="Reason">What is wrong there.</param>
public sealed record MalformedFile(string File, long Offset, string Reason)
{
    /// <summary>The one line that tells a user all of it.</summary>
    public override string ToString() => $"{File}: at offset {Offset}: {Reason}";
}
