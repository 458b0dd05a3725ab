/work/wt/lead/tests/Lkm.Cli.Tests/modules/misbehave/misbehave.o
