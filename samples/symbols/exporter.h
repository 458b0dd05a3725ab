/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXPORTER_H
#define EXPORTER_H

int exporter_add(int a, int b);
int exporter_calls(void);
const char *exporter_name(void);
extern int exporter_answer;

#endif
