using System.IO.Enumeration;

namespace Lkm.Modules;

/// <summary>Tells whether indexes are older than the modules that they are about.</summary>
public static class ModuleTimes
{
    /// <summary>Whether no module below the directory has changed since the file was made; false if the file is missing.</summary>
    public static bool IsUpToDate(string directory, string indexFile)
    {
        var made = File.GetLastWriteTimeUtc(indexFile);
        if (!File.Exists(indexFile))
        {
            return false;
        }
        try
        {
            var newer = new FileSystemEnumerable<bool>(directory, static (ref FileSystemEntry _) => true, new() { AttributesToSkip = 0, RecurseSubdirectories = true })
            {
                ShouldIncludePredicate = (ref FileSystemEntry entry) =>
                    ModuleName.HasModuleExtension(entry.FileName) && !entry.IsDirectory && entry.LastWriteTimeUtc.UtcDateTime > made,
                ShouldRecursePredicate = static (ref FileSystemEntry entry) => entry.FileName is not ("build" or "source"),
            };
            return !newer.Any();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
