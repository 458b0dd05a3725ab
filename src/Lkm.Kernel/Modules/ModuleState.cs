namespace Lkm.Kernel.Modules;

/// <summary>enum module_state of include/linux/module.h.</summary>
public enum ModuleState
{
    /// <summary>MODULE_STATE_LIVE: initialised and in use.</summary>
    Live,

    /// <summary>MODULE_STATE_COMING: fully formed, its init function runs.</summary>
    Coming,

    /// <summary>MODULE_STATE_GOING: being unloaded, or its init function failed.</summary>
    Going,

    /// <summary>MODULE_STATE_UNFORMED: in the list to keep its name, but not whole: nobody else may look at it.</summary>
    Unformed,
}
