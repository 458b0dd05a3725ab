// SPDX-License-Identifier: GPL-2.0
/* Its exit function waits for what does not come, and gives up after more than the 120 seconds that a task may be blocked. */
#include <linux/completion.h>
#include <linux/module.h>

static DECLARE_COMPLETION(never);

static int __init waiter_init(void)
{
	return 0;
}

static void __exit waiter_exit(void)
{
	if (!wait_for_completion_timeout(&never, 250 * HZ))
		pr_info("waiter: gave up\n");
}

module_init(waiter_init);
module_exit(waiter_exit);
MODULE_LICENSE("GPL");
