// SPDX-License-Identifier: GPL-2.0
/* Asks for the lines of the board, alone and shared, and says what it got. */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>

#define LINES 16

static int mine[2];
static bool has[LINES];

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_NONE;
}

static int __init lines_init(void)
{
	int irq;

	for (irq = 0; irq < LINES + 2; irq++) {
		int shared = request_irq(irq, handler, IRQF_SHARED, "shared", mine);
		int alone = request_irq(irq, handler, 0, "alone", mine);
		struct irq_data *data = irq_get_irq_data(irq);

		pr_info("irq %d: shared %d alone %d chip %s type %d level %d\n", irq, shared, alone, data ? irq_data_get_irq_chip(data)->name : "none",
			data ? (int)irqd_get_trigger_type(data) : -1, data ? irqd_is_level_type(data) : -1);
		if (irq < LINES)
			has[irq] = !shared;
	}
	return 0;
}

static void __exit lines_exit(void)
{
	int irq;

	for (irq = 0; irq < LINES; irq++) {
		if (has[irq])
			free_irq(irq, mine);
	}
}

module_init(lines_init);
module_exit(lines_exit);
MODULE_DESCRIPTION("asks for the board's interrupts");
MODULE_LICENSE("GPL");
