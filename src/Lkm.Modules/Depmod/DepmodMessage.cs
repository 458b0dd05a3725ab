namespace Lkm.Modules;

/// <summary>How serious a message of depmod is.</summary>
public enum DepmodSeverity
{
    /// <summary>The indexes can't be made.</summary>
    Fatal,

    /// <summary>A part was left out.</summary>
    Error,

    /// <summary>Something to know about.</summary>
    Warning,
}

/// <summary>Something that depmod says about a module tree.</summary>
/// <param name="Severity">How serious it is.</param>
/// <param name="Text">What it is, in kmod's words where kmod has some.</param>
public sealed record DepmodMessage(DepmodSeverity Severity, string Text);
