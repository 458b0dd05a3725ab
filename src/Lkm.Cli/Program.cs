using Lkm.Cli.CommandLine;
using Lkm.Cli.Commands;

return new Dispatcher(
[
    ("run and build", [RunCommand.Command, NewCommand.Command, BuildCommand.Command, KernelsCommand.Command]),
]).Run(args);
