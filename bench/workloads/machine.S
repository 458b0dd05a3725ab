/* From multiboot (32-bit protected mode) to 64-bit mode with the first 4 GiB mapped one to one, then main(the command line). */
	.set FLAGS, 1 << 16
	.section .boot, "ax"
	.code32
	.balign 4
header:	.long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)
	.long header, 0x100000, _end_of_data, _end, start
	.global start
start:
	movl %ebx, %esi			/* the multiboot information */
	movl $directory, %edi
	movl $0x83, %eax		/* present, writable, 2 MiB */
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	cmpl $directory + 4 * 4096, %edi
	jb 1b
	movl $directory + 3, pointers
	movl $directory + 0x1003, pointers + 8
	movl $directory + 0x2003, pointers + 16
	movl $directory + 0x3003, pointers + 24
	movl $pointers + 3, top
	movl $top, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $0xC0000080, %ecx
	rdmsr
	orl $0x100, %eax		/* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	lgdt table
	ljmp $8, $wide
	.code64
wide:	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $stack, %esp
	movl 16(%rsi), %edi		/* command line */
	call machine_main
1:	hlt
	jmp 1b
	.balign 8
gdt:	.quad 0, 0x00AF9A000000FFFF, 0x00CF92000000FFFF
table:	.word table - gdt - 1
	.long gdt
	.bss
	.balign 4096
top:	.skip 4096
pointers: .skip 4096
directory: .skip 4 * 4096
	.skip 65536
stack:
