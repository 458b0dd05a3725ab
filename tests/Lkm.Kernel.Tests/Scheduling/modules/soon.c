// SPDX-License-Identifier: GPL-2.0
/* irq_work, with interrupts on and with interrupts off. */
#include <linux/irq_work.h>
#include <linux/module.h>

static void work(struct irq_work *unused)
{
	pr_info("work: in_hardirq %d irqs_disabled %d\n", !!in_hardirq(), irqs_disabled());
}

static DEFINE_IRQ_WORK(first, work);
static DEFINE_IRQ_WORK(second, work);

static int __init soon_init(void)
{
	unsigned long flags;

	irq_work_queue(&first);
	pr_info("first queued\n");
	local_irq_save(flags);
	irq_work_queue(&second);
	pr_info("second queued\n");
	local_irq_restore(flags);
	irq_work_sync(&second);
	pr_info("done\n");
	return 0;
}

static void __exit soon_exit(void)
{
}

module_init(soon_init);
module_exit(soon_exit);
MODULE_LICENSE("GPL");
