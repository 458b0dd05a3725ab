// SPDX-License-Identifier: GPL-2.0
/* Says where it is from handlers of all kinds: of a watchpoint, of probes, of interrupts. */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/hw_breakpoint.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/timer.h>

static char *where = "watch";
module_param(where, charp, 0444);

static unsigned long watched;

static void trapped(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	dump_stack();
}

static noinline int target(int x)
{
	return x + READ_ONCE(watched);
}

static noinline void touch(void)
{
	WRITE_ONCE(watched, 1);
}

static int before(struct kprobe *p, struct pt_regs *regs)
{
	dump_stack();
	return 0;
}

static enum hrtimer_restart rings(struct hrtimer *timer)
{
	dump_stack();
	return HRTIMER_NORESTART;
}

static void expires(struct timer_list *timer)
{
	dump_stack();
}

static void works(struct irq_work *work)
{
	dump_stack();
}

static struct kprobe probe = { .pre_handler = before };
static struct hrtimer alarm;
static struct timer_list timer;
static struct irq_work work;

static noinline int overflow(int depth)
{
	volatile char frame[512];

	frame[0] = depth;
	return depth < 1 << 20 ? overflow(depth + 1) + frame[0] : 0;
}

static int __init traces_init(void)
{
	struct perf_event * __percpu *event;
	struct perf_event_attr attr;

	if (!strcmp(where, "watch") || !strcmp(where, "break")) {
		hw_breakpoint_init(&attr);
		attr.bp_addr = !strcmp(where, "watch") ? (unsigned long)&watched : (unsigned long)touch;
		attr.bp_len = !strcmp(where, "watch") ? HW_BREAKPOINT_LEN_8 : sizeof(long);
		attr.bp_type = !strcmp(where, "watch") ? HW_BREAKPOINT_W : HW_BREAKPOINT_X;
		event = register_wide_hw_breakpoint(&attr, trapped, NULL);
		if (IS_ERR((void __force *)event))
			return PTR_ERR((void __force *)event);
		touch();
		unregister_wide_hw_breakpoint(event);
	} else if (!strcmp(where, "entry") || !strcmp(where, "inside")) {
		probe.addr = (kprobe_opcode_t *)target;
		probe.offset = !strcmp(where, "entry") ? 0 : 5;
		if (register_kprobe(&probe))
			return -EINVAL;
		target(1);
		unregister_kprobe(&probe);
	} else if (!strcmp(where, "hrtimer")) {
		hrtimer_init(&alarm, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
		alarm.function = rings;
		hrtimer_start(&alarm, ms_to_ktime(2), HRTIMER_MODE_REL);
		mdelay(10);
	} else if (!strcmp(where, "timer")) {
		timer_setup(&timer, expires, 0);
		mod_timer(&timer, jiffies + 2);
		mdelay(30);
	} else if (!strcmp(where, "work")) {
		init_irq_work(&work, works);
		irq_work_queue(&work);
		irq_work_sync(&work);
	} else if (!strcmp(where, "overflow")) {
		return overflow(0);
	}
	return 0;
}

static void __exit traces_exit(void)
{
}

module_init(traces_init);
module_exit(traces_exit);
MODULE_DESCRIPTION("says where its handlers run");
MODULE_LICENSE("GPL");
