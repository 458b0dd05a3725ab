using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Commands;

namespace Lkm.Kernel.Shell;

/// <summary>One command.</summary>
/// <param name="Usage">Its name and what it takes.</param>
/// <param name="Summary">What it does, in a few words.</param>
/// <param name="Run">Runs it; the result is the exit status.</param>
internal sealed record ShellCommand(string Usage, string Summary, Func<CommandContext, GuestTask<int>> Run)
{
    /// <summary>The command's name.</summary>
    public string Name { get; } = Usage.Split(' ')[0];
}

/// <summary>All commands of the shell; help prints this table.</summary>
internal static class CommandTable
{
    /// <summary>The commands, by family.</summary>
    public static IReadOnlyList<ShellCommand> All { get; } =
    [
        new("cat [FILE]...", "print files", TextCommands.Cat),
        new("echo [-neE] [WORD]...", "print words", TextCommands.Echo),
        new("write PATH [TEXT]", "write a text as it is, or the input, to a file", WriteCommand.Run),
        new("tee [-a] [FILE]...", "copy input to output and to files", TextCommands.Tee),
        new("head [-n LINES|-c BYTES] [FILE]...", "print the beginning", TextCommands.Head),
        new("tail [-f] [-n [+]LINES|-c [+]BYTES] [FILE]...", "print the end", TextCommands.Tail),
        new("wc [-lwc] [FILE]...", "count lines, words and bytes", TextCommands.WordCount),
        new("cut -c LIST|-f LIST [-d CHARACTER] [FILE]...", "print parts of lines", FilterCommands.Cut),
        new("sort [-nru] [-k FIELD] [-t CHARACTER] [FILE]...", "print lines in order", FilterCommands.Sort),
        new("uniq [-cdu] [FILE]...", "leave out lines that repeat", FilterCommands.Unique),
        new("tr [-ds] SET [SET]", "replace characters of the input", FilterCommands.Translate),
        new("seq [FIRST [STEP]] LAST", "print numbers", FilterCommands.Sequence),
        new("printf FORMAT [WORD]...", "print words by a format", FilterCommands.PrintFormatted),
        new("grep [-EFivcnqlohHwx] [-A N] [-B N] [-C N] [-e] PATTERN [FILE]...", "print the lines that match", GrepCommand.Run),
        new("egrep [OPTION]... PATTERN [FILE]...", "grep -E", PrefixCommands.ExtendedGrep),
        new("fgrep [OPTION]... PATTERN [FILE]...", "grep -F", PrefixCommands.FixedGrep),
        new("more [FILE]...", "print files: nobody waits for a key", TextCommands.Cat),
        new("less [FILE]...", "the same", TextCommands.Cat),
        new("sed [-nE] [-e] SCRIPT [FILE]...", "change lines: s/PATTERN/TEXT/, p, d, q, =", SedCommand.Run),
        new("awk [-F SEPARATOR] [-v NAME=VALUE] PROGRAM [FILE]...", "run a program for each line: patterns, fields, arithmetic", AwkCommand.Run),
        new("hexdump [-Cv] [-n LENGTH] [-s OFFSET] [FILE]...", "print bytes in hexadecimal", HexdumpCommand.Run),
        new("od [-bcdhiloxsv] [-t TYPE] [-A d|o|x|n] [-N LENGTH] [-j OFFSET] [-w WIDTH] [FILE]...", "print bytes as numbers or characters", OctalDumpCommand.Run),
        new("xxd [-p] [-l LENGTH] [-s OFFSET] [-c COLUMNS] [-g BYTES] [FILE]", "print bytes in hexadecimal", XxdCommand.Run),
        new("cmp [-sl] FILE1 FILE2", "compare two files", DataCommands.Compare),
        new("md5sum [FILE]...", "print checksums", DataCommands.Md5),
        new("sha1sum [FILE]...", "the same by SHA-1", DataCommands.Sha1),
        new("sha256sum [FILE]...", "the same by SHA-256", DataCommands.Sha256),
        new("sha512sum [FILE]...", "the same by SHA-512", DataCommands.Sha512),
        new("tac [FILE]...", "print lines, the last one first", DataCommands.Reverse),
        new("rev [FILE]...", "print lines from their end", DataCommands.Mirror),
        new("strings [-n LENGTH] [FILE]...", "print the texts in files", DataCommands.Strings),
        new("yes [WORD]...", "print words for ever", DataCommands.Yes),
        new("dd [if=F] [of=F] [bs=N] [count=N] [skip=N] [seek=N] [iflag=F] [oflag=F]", "copy blocks", DdCommand.Run),
        new("ls [-laAdiR] [PATH]...", "list directories", ListCommand.Run),
        new("find [PATH]... [-maxdepth N] [-mindepth N] [!] [-name|-iname|-path PATTERN] [-type bcdflps] [-print|-print0]", "list what is in directories and below", FindCommand.Run),
        new("stat [-fL] [-c FORMAT] PATH...", "print what a file is, or with -f its file system", StatCommand.Run),
        new("cp [-r] SOURCE... DESTINATION", "copy files", CopyCommand.Run),
        new("mv SOURCE... DESTINATION", "rename files", FileCommands.Move),
        new("rm [-rf] PATH...", "remove files", FileCommands.Remove),
        new("mkdir [-p] [-m MODE] DIRECTORY...", "make directories", FileCommands.MakeDirectory),
        new("rmdir DIRECTORY...", "remove empty directories", FileCommands.RemoveDirectory),
        new("ln [-sf] TARGET... [NAME|DIRECTORY]", "make links", FileCommands.Link),
        new("readlink [-n] PATH...", "print what a symbolic link points to", FileCommands.ReadLink),
        new("mknod [-m MODE] NAME b|c|p [MAJOR MINOR]", "make a device file or a named pipe", FileCommands.MakeNode),
        new("mkfifo [-m MODE] NAME...", "make named pipes", MachineCommands.MakePipe),
        new("mktemp [-d] [TEMPLATE]", "make a file or directory with a new name", MachineCommands.MakeTemporary),
        new("realpath PATH...", "print paths without symbolic links", MachineCommands.RealPath),
        new("touch [-c] FILE...", "set the time, make the file", FileCommands.Touch),
        new("chmod MODE PATH...", "set permissions", ModeCommand.Run),
        new("chgrp GROUP PATH...", "set groups", SystemCommands.ChangeGroup),
        new("chown [USER][:GROUP] PATH...", "set owners", SystemCommands.ChangeOwner),
        new("truncate [-c] -s [+-]SIZE FILE...", "set the size", FileCommands.Truncate),
        new("mount [-rw] [-t TYPE] [-o OPTIONS] [DEVICE DIRECTORY]", "mount a file system; print what is mounted", MountCommands.Mount),
        new("umount [-fl] PATH...", "unmount", MountCommands.Unmount),
        new("df [-kma] [PATH]...", "print what file systems hold", MachineCommands.DiskFree),
        new("blockdev --getsize64|--getsz|--getss|--getbsz|--getro|--getra|--setro|--setrw|--flushbufs|--rereadpt DEVICE", "ask or tell a block device", BlockDeviceCommands.Control),
        new("mke2fs [-Fn] [-b BLOCK_SIZE] [-i BYTES_PER_INODE] [-I INODE_SIZE] [-m PERCENT] [-L LABEL] DEVICE [KIBIBYTES]", "make an ext2 file system", MakeExt2Command.Run),
        new("mkfs.ext2 [OPTION]... DEVICE [KIBIBYTES]", "mke2fs", MakeExt2Command.Run),
        new("mkfs.ext4 [OPTION]... DEVICE [KIBIBYTES]", "mke2fs: ext4 mounts what it makes", MakeExt2Command.Run),
        new("losetup [-r] [-o OFFSET] -f|DEVICE FILE, losetup -d DEVICE..., losetup -a|-f|DEVICE", "let a block device stand for a file", LoopCommand.Run),
        new("i2cdetect -l, i2cdetect [-y] [-a] [-q|-r|-F] BUS [FIRST [LAST]]", "list I2C buses, or the chips of one", I2cCommands.Detect),
        new("i2cget [-f] [-y] BUS CHIP [REGISTER [b|w|c]]", "read from a chip", I2cCommands.Get),
        new("i2cset [-f] [-y] [-r] [-m MASK] BUS CHIP REGISTER [VALUE] [b|w|c]", "write to a chip", I2cCommands.Set),
        new("i2cdump [-f] [-y] BUS CHIP [b|w|c]", "read all of a chip", I2cCommands.Dump),
        new("mkswap [-L LABEL] DEVICE", "make a device swap space", BlockDeviceCommands.MakeSwap),
        new("swapon DEVICE...", "use swap space", BlockDeviceCommands.SwapOn),
        new("swapoff DEVICE...", "use it no longer", BlockDeviceCommands.SwapOff),
        new("sync", "write everything to the devices", ProcessCommands.Sync),
        new("test EXPRESSION", "test files, strings and numbers", TestCommand.Run),
        new("[ EXPRESSION ]", "the same", TestCommand.Run),
        new("true", "succeed", ProcessCommands.Succeed),
        new(": [WORD]...", "succeed", ProcessCommands.Succeed),
        new("read [-r] [NAME]...", "set variables to words of a line of the input", VariableCommands.Read),
        new("export [NAME=VALUE]...", "set variables", VariableCommands.Export),
        new("unset [-f] NAME...", "forget variables, or functions", VariableCommands.Unset),
        new("break", "leave a loop", VariableCommands.Break),
        new("continue", "begin the next round of a loop", VariableCommands.Continue),
        new("return [STATUS]", "leave a function", VariableCommands.Return),
        new("local NAME[=VALUE]...", "variables of a function's own", VariableCommands.Local),
        new("shift [COUNT]", "drop the first parameters", VariableCommands.Shift),
        new("set -- [WORD]...", "set the parameters $1, $2 ...", VariableCommands.Set),
        new("basename PATH [SUFFIX]", "print a path's last part", VariableCommands.BaseName),
        new("dirname PATH", "print a path without its last part", VariableCommands.DirectoryName),
        new("sysctl [-nw] NAME[=VALUE]...", "show or set settings of the kernel", VariableCommands.SystemControl),
        new("false", "fail", ProcessCommands.DoNotSucceed),
        new("pwd", "print the working directory", ProcessCommands.WorkingDirectory),
        new("cd [DIRECTORY]", "change the working directory", ProcessCommands.ChangeDirectory),
        new("id [-ugn]", "print user and group", ProcessCommands.Id),
        new("whoami", "print the user's name", SystemCommands.WhoAmI),
        new("su [USER] -c LINE", "run a line as another user: nobody, or a number", SystemCommands.SwitchUser),
        new("date [-u] [+FORMAT]", "print the kernel's time", SystemCommands.Date),
        new("hwclock [-r] [-f DEVICE]", "print the time of the hardware clock", ClockCommand.Run),
        new("hostname [NAME]", "show or set the machine's name", SystemCommands.HostName),
        new("which NAME...", "print the paths of commands", SystemCommands.Which),
        new("uname [-asnrvmpio]", "print the kernel's name and version", ProcessCommands.SystemName),
        new("nproc", "print the number of processors", MachineCommands.Processors),
        new("uptime", "print how long the kernel runs", MachineCommands.Uptime),
        new("free [-bkmg]", "print what memory there is", MachineCommands.Free),
        new("ps [-o COLUMN,...] [--json]", "list processes", ProcessListCommands.List),
        new("pidof [-s] NAME...", "print the process ids of a name", ProcessListCommands.PidOf),
        new("pgrep [-xl] PATTERN", "print the process ids of names with a text in them", ProcessListCommands.Find),
        new("pkill [-SIGNAL] [-x] PATTERN", "send a signal to processes with a text in their name", ProcessListCommands.KillMatching),
        new("killall [-SIGNAL] NAME...", "send a signal to processes of a name", ProcessListCommands.KillAll),
        new("kill [-SIGNAL|-l] PID|%JOB...", "send a signal", ProcessCommands.Kill),
        new("wait [PID|%JOB]...", "wait for processes in the background", ProcessCommands.Wait),
        new("sleep SECONDS[smhd]...", "wait, in virtual time", ProcessCommands.Sleep),
        new("usleep MICROSECONDS", "the same", MachineCommands.SleepMicroseconds),
        new("taskset [-p] [-c] [MASK|LIST] PID|COMMAND [WORD]...", "show or set on which processors a process runs", MachineCommands.SetAffinity),
        new("env [NAME=VALUE]... [COMMAND [WORD]...]", "print variables, or run a command with more of them", DataCommands.Environment),
        new("xargs [-r0] [-n COUNT] [-I TEXT] [COMMAND [WORD]...]", "run a command with the words of the input", DataCommands.Arguments),
        new("timeout [-s SIGNAL] SECONDS COMMAND [WORD]...", "end a command by a signal when it takes longer", TimeoutCommand.Run),
        new("time COMMAND [WORD]...", "run a command and print what time it took", PrefixCommands.Measure),
        new("sudo COMMAND [WORD]...", "run a command as root", PrefixCommands.AsRoot),
        new("sh -c LINE [NAME [WORD]...] | FILE [WORD]...", "run a line, or those of a file, in a child", ChildCommands.Shell),
        new("fasync PATH [MILLISECONDS] [LINE]", "ask for SIGIO, run a line, wait for the signal", ChildCommands.AwaitSignal),
        new("ifconfig [-a|INTERFACE [ADDRESS] [netmask MASK] [broadcast ADDRESS] [mtu N] [hw ether MAC] [up|down]]", "show or set network interfaces", InterfaceCommand.Run),
        new("ip link|addr|route [show|set|add|del] ...", "show, set, make and remove network interfaces, their addresses, and routes", IpCommand.Run),
        new("route [-n] | add|del [-net|-host] ADDRESS[/BITS]|default [netmask MASK] [gw ADDRESS] [dev] [INTERFACE]", "show, make and remove routes", RouteCommand.Run),
        new("ping [-c COUNT] [-W SECONDS] ADDRESS", "send ICMP echo requests", PingCommand.Run),
        new("nc [-u] [-w SECONDS] ADDRESS PORT | -l -p PORT", "copy to and from a connection", NetcatCommand.Run),
        new("ioctl PATH REQUEST [NUMBER|hex:BYTES|str:TEXT]", "call ioctl(2); print its result and the bytes", DeviceCommands.Ioctl),
        new("poll PATH [in,out,pri...] [MILLISECONDS]", "wait for events; print them", DeviceCommands.Poll),
        new("mmap PATH OFFSET LENGTH [-w OFFSET:HEXBYTES]...", "map a file, change it, print it", DeviceCommands.MemoryMap),
        new("insmod [--trace] [--json] FILE [PARAM=VALUE]...", "load a module from a file of the host", ModuleCommands.Insert),
        new("rmmod [-f] NAME...", "unload modules", ModuleCommands.Remove),
        new("modprobe [-r|-a|-D] [-q] NAME [PARAM=VALUE]...", "load or unload a module with its dependencies", ModuleCommands.Probe),
        new("lsmod [--json]", "list loaded modules", ModuleCommands.List),
        new("modinfo [-adlpn|-F FIELD] NAME|FILE...", "print what a module says of itself", ModuleCommands.Describe),
        new("ksyms [-e] [--json] [PATTERN]", "print symbols; -e: those exported to modules", SymbolsCommand.Run),
        new("dmesg [-cCkrtTx] [-l LEVEL,...] [-n LEVEL]", "print the kernel log; -c and -C clear it; -n says what the console gets", LogCommand.Run),
        new("dmsetup create|remove|ls|info|table|status ...", "device-mapper devices", DeviceMapperCommand.Run),
        new("put HOSTFILE PATH", "copy a file of the host into the kernel", HostCommands.Put),
        new("get PATH HOSTFILE", "copy a file of the kernel to the host", HostCommands.Get),
        new("exit [STATUS]", "end the session", ProcessCommands.Exit),
        new("help [COMMAND]...", "print this", ProcessCommands.Help),
    ];

    /// <summary>
    /// The commands that are the shell's own, as in busybox's: they act on it, or need no process of their own. All others are programs.
    /// </summary>
    private static readonly string[] Builtins =
    [
        ":", "[", "break", "cd", "continue", "echo", "exit", "export", "false", "help", "kill", "local", "printf", "pwd", "read", "return", "set", "shift", "test", "true",
        "unset", "wait",
    ];

    /// <summary>Whether a command is a program, which a shell runs in a child.</summary>
    public static bool IsProgram(string name) => Find(name) is not null && !Builtins.Contains(name);

    /// <summary>Whether there is a file for a command: for programs, and for what a shell does as well as a program would.</summary>
    public static bool IsFile(string name) => IsProgram(name) || name is "[" or "echo" or "false" or "kill" or "printf" or "pwd" or "test" or "true";

    /// <summary>Finds a command.</summary>
    public static ShellCommand? Find(string name)
    {
        foreach (var command in All)
        {
            if (command.Name == name)
                return command;
        }

        return null;
    }
}
