// SPDX-License-Identifier: GPL-2.0
/* Reads the real-time clock, sets an alarm by it, and tells whether it has rung; then sets the clock. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/rtc.h>

static int try_alarm(struct rtc_device *rtc)
{
	struct rtc_wkalrm alarm = { .enabled = 1 };
	struct rtc_time now;
	int err = rtc_read_time(rtc, &now);

	if (err)
		return err;
	pr_info("%ptRd\n", &now);
	rtc_time64_to_tm(rtc_tm_to_time64(&now) + 3, &alarm.time);
	err = rtc_set_alarm(rtc, &alarm);
	if (err)
		return err;
	msleep(1000);
	rtc_read_alarm(rtc, &alarm);
	pr_info("after 1 s: %s\n", alarm.enabled ? "set" : "rang");
	msleep(3000);
	rtc_read_alarm(rtc, &alarm);
	pr_info("after 4 s: %s\n", alarm.enabled ? "set" : "rang");
	return 0;
}

static int try_setting(struct rtc_device *rtc)
{
	struct rtc_time time = { .tm_year = 133, .tm_mon = 1, .tm_mday = 28, .tm_hour = 23, .tm_min = 59, .tm_sec = 58 };
	int err = rtc_set_time(rtc, &time);

	if (err)
		return err;
	msleep(3100);
	err = rtc_read_time(rtc, &time);
	pr_info("%ptR\n", &time);
	return err;
}

static int __init clock_init(void)
{
	struct rtc_device *rtc = rtc_class_open("rtc0");
	int err;

	if (!rtc)
		return -ENODEV;
	err = try_alarm(rtc) ?: try_setting(rtc);
	rtc_class_close(rtc);
	return err;
}

static void __exit clock_exit(void)
{
}

module_init(clock_init);
module_exit(clock_exit);
MODULE_LICENSE("GPL");
