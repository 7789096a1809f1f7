/* SPDX-License-Identifier: GPL-2.0 */
/*
 * WRAP(fn): the counting stand-in for fn.  r11 is free at a call.
 */
#ifndef _TDX_COUNT_H
#define _TDX_COUNT_H

#define WRAP(fn)					\
	asm(".pushsection .text\n"			\
	    ".globl __wrap_" #fn "\n"			\
	    ".type __wrap_" #fn ", @function\n"		\
	    "__wrap_" #fn ":\n"				\
	    "	incq	tdx_count_calls(%rip)\n"	\
	    "	movabsq	$" #fn ", %r11\n"		\
	    "	jmp	*%r11\n"			\
	    ".size __wrap_" #fn ", . - __wrap_" #fn "\n"	\
	    ".popsection\n");				\
	void __wrap_##fn(void);			\
	EXPORT_SYMBOL_GPL(__wrap_##fn)

#endif /* _TDX_COUNT_H */
