// SPDX-License-Identifier: GPL-2.0
/*
 * Shares the keyboard's interrupt line, listens to the keyboard, and has an input device of its own. Writing a number to the parameter
 * "code" makes the controller pretend that the keyboard sent it.
 */
#include <linux/delay.h>
#include <linux/input.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/keyboard.h>
#include <linux/module.h>
#include <linux/notifier.h>

#define KEYBOARD_IRQ 1

static struct input_dev *device;

static irqreturn_t on_interrupt(int irq, void *cookie)
{
	pr_info("interrupt %d\n", irq);
	return IRQ_NONE;
}

static int on_key(struct notifier_block *block, unsigned long event, void *data)
{
	struct keyboard_notifier_param *key = data;

	if (event == KBD_KEYCODE)
		pr_info("key %u %s\n", key->value, key->down ? "down" : "up");
	return NOTIFY_OK;
}

static struct notifier_block listener = { .notifier_call = on_key };

static int set_code(const char *text, const struct kernel_param *param)
{
	u8 code;
	int err = kstrtou8(text, 0, &code);

	if (err)
		return err;
	outb(0xd2, 0x64);
	outb(code, 0x60);
	msleep(10);
	return 0;
}

static const struct kernel_param_ops code_ops = { .set = set_code };
module_param_cb(code, &code_ops, NULL, 0200);

static int __init keys_init(void)
{
	int err = request_irq(KEYBOARD_IRQ, on_interrupt, 0, "alone", &listener);

	pr_info("alone: %d\n", err);
	err = request_irq(KEYBOARD_IRQ, on_interrupt, IRQF_SHARED, "shared", &listener);
	if (err)
		return err;
	device = input_allocate_device();
	if (!device) {
		free_irq(KEYBOARD_IRQ, &listener);
		return -ENOMEM;
	}
	device->name = "A module's button";
	input_set_capability(device, EV_KEY, BTN_0);
	err = input_register_device(device);
	if (err) {
		input_free_device(device);
		free_irq(KEYBOARD_IRQ, &listener);
		return err;
	}
	pr_info("%s\n", dev_name(&device->dev));
	return register_keyboard_notifier(&listener);
}

static void __exit keys_exit(void)
{
	unregister_keyboard_notifier(&listener);
	input_unregister_device(device);
	free_irq(KEYBOARD_IRQ, &listener);
}

module_init(keys_init);
module_exit(keys_exit);
MODULE_LICENSE("GPL");
