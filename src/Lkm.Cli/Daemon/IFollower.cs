namespace Lkm.Cli.Daemon;

/// <summary>Tells a client of what happens in the kernel, until it has enough.</summary>
internal interface IFollower
{
    /// <summary>Ends the telling; the task ends when the last thing has been told.</summary>
    Task End();
}
