// SPDX-License-Identifier: GPL-2.0
/*
 * The processor's debug registers: one watchpoint tells of each write to a variable of this module, another of each access to a second one,
 * and a breakpoint of each call of a function, with who did it. The parameters change and read the variables.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hw_breakpoint.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/ptrace.h>

static int written __aligned(8), touched __aligned(8);
static struct perf_event *__percpu *watchpoints[3];

static void on_write(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	pr_info("written is now %d, by %ps\n", written, (void *)instruction_pointer(regs));
}

static void on_access(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	pr_info("touched was accessed by %ps\n", (void *)instruction_pointer(regs));
}

static void on_call(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	pr_info("%ps is called with %d\n", (void *)instruction_pointer(regs), (int)regs->di);
}

static noinline int watched_function(int argument)
{
	barrier();
	return argument + 1;
}

static int set_written(const char *text, const struct kernel_param *parameter)
{
	int value, error = kstrtoint(text, 0, &value);

	if (error)
		return error;
	WRITE_ONCE(written, value);
	pr_info("%d calls of the watched function\n", watched_function(value) - value);
	return 0;
}

static int get_written(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%d\n", READ_ONCE(written));
}

static const struct kernel_param_ops written_ops = { .set = set_written, .get = get_written };
module_param_cb(written, &written_ops, NULL, 0644);

static int set_touched(const char *text, const struct kernel_param *parameter)
{
	int value, error = kstrtoint(text, 0, &value);

	if (!error)
		WRITE_ONCE(touched, value);
	return error;
}

static int get_touched(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%d\n", READ_ONCE(touched));
}

static const struct kernel_param_ops touched_ops = { .set = set_touched, .get = get_touched };
module_param_cb(touched, &touched_ops, NULL, 0644);

static struct perf_event *__percpu *watch(void *address, int type, int length, perf_overflow_handler_t handler)
{
	struct perf_event_attr attr;

	hw_breakpoint_init(&attr);
	attr.bp_addr = (unsigned long)address;
	attr.bp_len = length;
	attr.bp_type = type;
	return register_wide_hw_breakpoint(&attr, handler, NULL);
}

static void unwatch_all(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(watchpoints); i++)
		if (!IS_ERR_OR_NULL((void __force *)watchpoints[i]))
			unregister_wide_hw_breakpoint(watchpoints[i]);
}

static int __init watchpoint_init(void)
{
	int i, error;

	watchpoints[0] = watch(&written, HW_BREAKPOINT_W, HW_BREAKPOINT_LEN_4, on_write);
	watchpoints[1] = watch(&touched, HW_BREAKPOINT_W | HW_BREAKPOINT_R, HW_BREAKPOINT_LEN_4, on_access);
	watchpoints[2] = watch(watched_function, HW_BREAKPOINT_X, sizeof(long), on_call);
	for (i = 0; i < ARRAY_SIZE(watchpoints); i++) {
		if (IS_ERR((void __force *)watchpoints[i])) {
			error = PTR_ERR((void __force *)watchpoints[i]);
			pr_err("watchpoint %d: %d\n", i, error);
			unwatch_all();
			return error;
		}
	}
	pr_info("watching\n");
	return 0;
}

static void __exit watchpoint_exit(void)
{
	unwatch_all();
	written = touched = 0;
	pr_info("done\n");
}

module_init(watchpoint_init);
module_exit(watchpoint_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Watchpoints and breakpoints of the processor");
