using Lkm.Cli.CommandLine;
using Lkm.Cli.Commands;
using Lkm.Cli.Running;
using Lkm.Cli.Tools;
using Lkm.Modules.Host;

if (args is ["run", ..])
    Preparation.Begin();

// The tools come first and touch nothing of the rest: they start as often as udev sees a device.
if (ToolNames.TryRun(HostProcess.ProgramName ?? "", args, out int exitCode) || ToolNames.TryRunCommand(args, out exitCode))
    return exitCode;

return Dispatch(args);

// A method of its own: entering one loads the types that it mentions.
static int Dispatch(string[] args) => new Dispatcher(CommandTable.Groups, CommandTable.Find).Run(args);
