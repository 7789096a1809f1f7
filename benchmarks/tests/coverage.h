/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Macros of the kernel without their branches
 *
 * The build of make test COVERAGE=1 includes this header first.  To gcov, a
 * check at compile time and a hook that is not configured are branches with one
 * side that is never taken.  min() and max() keep their branch: both sides
 * matter.
 */
#ifndef _TDX_COVERAGE_PLAIN_H
#define _TDX_COVERAGE_PLAIN_H

#include <linux/alloc_tag.h>
#include <linux/bitfield.h>
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>

#undef alloc_hooks
#define alloc_hooks(do_alloc)	(do_alloc)

#undef FIELD_PREP
#define FIELD_PREP(mask, val)	({ u64 _mask = (mask); (u64)(val) << __ffs64(_mask) & _mask; })

#undef FIELD_GET
#define FIELD_GET(mask, reg)	({ u64 _mask = (mask); ((reg) & _mask) >> __ffs64(_mask); })

#undef ilog2
#define ilog2(n)		(63 - __builtin_clzll(n))

#undef array_size
#define array_size(a, b)	((size_t)(a) * (b))

#define PLAIN_CMP(a, op, b)	({ typeof(a) _a = (a); typeof(b) _b = (b); _a op _b ? _a : _b; })

#undef min
#define min(a, b)		PLAIN_CMP(a, <, b)

#undef max
#define max(a, b)		PLAIN_CMP(a, >, b)

#undef min_t
#define min_t(type, a, b)	PLAIN_CMP((type)(a), <, (type)(b))

#undef max_t
#define max_t(type, a, b)	PLAIN_CMP((type)(a), >, (type)(b))

#endif /* _TDX_COVERAGE_PLAIN_H */
