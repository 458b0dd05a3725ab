/* What code compiled with -fsanitize=kernel-address needs to run as a process: a shadow for all of the address space (zero: everything
 * may be accessed, and stays so) and functions to report to, which the workloads never call. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SHADOW 0x7fff8000ul
#define SHADOW_SIZE (1ul << 44)

__attribute__((constructor)) static void map_shadow(void)
{
	if (mmap((void *)SHADOW, SHADOW_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0)
	    == MAP_FAILED) {
		perror("shadow");
		exit(3);
	}
}

#define REPORT(name) void __asan_report_##name##_noabort(unsigned long address) { fprintf(stderr, #name " %lx\n", address); exit(4); }
#define REPORT_N(name) void __asan_report_##name##_noabort(unsigned long address, unsigned long size) { (void)size; fprintf(stderr, #name " %lx\n", address); exit(4); }
REPORT(load1) REPORT(load2) REPORT(load4) REPORT(load8) REPORT(load16)
REPORT(store1) REPORT(store2) REPORT(store4) REPORT(store8) REPORT(store16)
REPORT_N(load_n) REPORT_N(store_n)
void __asan_handle_no_return(void) { }
