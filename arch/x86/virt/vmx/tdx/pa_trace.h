/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of arrays of pages
 *
 * Allocation and SEAMCALLs have no events: function probes read their
 * arguments.
 *
 * @pfn is the page frame of the first entry.  It identifies an array, because a
 * trace buffer shows only hashes of pointers.  All counts are in 4 KiB pages.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tdx

#if !defined(_X86_VIRT_TDX_PA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _X86_VIRT_TDX_PA_TRACE_H

#include <linux/instruction_pointer.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#include <asm/tdx.h>
#include <asm/tdx_pa_array.h>

#ifdef CREATE_TRACE_POINTS
/* Pages of the first @nr entries */
static inline unsigned long tdx_pa_trace_pages(const struct tdx_pa_array *array, unsigned int nr)
{
	return nr + min(nr, TDX_IOMMU_MT_NR_BLOCKS) * ((1UL << array->block_order) - 1);
}
#endif

/* @start is 0 if the event was enabled while the array was freed. */
TRACE_EVENT(tdx_pa_array_free,

	TP_PROTO(const struct tdx_pa_array *array, unsigned long leaked, u64 start,
		 unsigned long caller),

	TP_ARGS(array, leaked, start, caller),

	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned long, nr_pages)
		__field(unsigned long, nr_held)
		__field(unsigned long, nr_leaked)
		__field(u64, duration_ns)
		__field(unsigned long, caller)
		__field(bool, flush)
	),

	TP_fast_assign(
		__entry->pfn = array->nr ? PHYS_PFN(tdx_pa_entry(array, 0)) : 0;
		__entry->nr_pages = tdx_pa_trace_pages(array, array->nr);
		__entry->nr_held = tdx_pa_trace_pages(array, array->nr_held);
		__entry->nr_leaked = leaked;
		__entry->duration_ns = start ? ktime_get_ns() - start : 0;
		__entry->caller = caller;
		__entry->flush = array->flush;
	),

	TP_printk("pfn=%#lx nr_pages=%lu nr_held=%lu flush=%d nr_leaked=%lu duration_ns=%llu caller=%pS",
		  __entry->pfn, __entry->nr_pages, __entry->nr_held, __entry->flush,
		  __entry->nr_leaked, __entry->duration_ns, (void *)__entry->caller)
);

TRACE_EVENT_CONDITION(tdx_pa_array_flush_failed,

	TP_PROTO(unsigned long pfn, u64 status),

	TP_ARGS(pfn, status),

	TP_CONDITION(status & TDX_ERROR),

	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(u64, status)
	),

	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->status = status;
	),

	TP_printk("pfn=%#lx status=%#llx", __entry->pfn, __entry->status)
);

#endif /* _X86_VIRT_TDX_PA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE pa_trace

#include <trace/define_trace.h>
