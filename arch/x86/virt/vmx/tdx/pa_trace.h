/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events: the life of an array
 *
 *	tdx_pa_array_alloc	it was allocated
 *	tdx_pa_array_window	one list page of it was handed out
 *	tdx_pa_array_claim	a leaf was told to take pages: what came of it
 *	tdx_pa_array_give_back	a leaf was told to return them: what came of it
 *	tdx_wbinvd_failed	a page of it could not be flushed
 *	tdx_pa_array_release	it is gone: which way its pages went
 *
 * @array is the same in all of them, and the name of another array after
 * release.  Entries are counted as entries, everything else in pages of 4 KiB;
 * only in an IOMMU_MT list is there a difference.
 *
 * A release is named after the worst that happened to a page of the array:
 *
 *	plain		the module never had them: all are free
 *	flushed		it may have written to them: all are flushed and free
 *	donated		it keeps some or all, as it was meant to; the rest is flushed
 *			and free
 *	held-stranded	it keeps control pages: no delete of them has succeeded
 *	flush-failed	some could not be flushed and stay out of use
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tdx

#if !defined(_X86_VIRT_TDX_PA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _X86_VIRT_TDX_PA_TRACE_H

#include <linux/tracepoint.h>

#include <asm/tdx_pa_array.h>

#include "door.h"

#define show_tdx_leaf(leaf)						\
	__print_symbolic(leaf,						\
		{ TDH_EXT_MEM_ADD,	 "EXT.MEM.ADD" },		\
		{ TDH_IOMMU_SETUP,	 "IOMMU.SETUP" },		\
		{ TDH_IOMMU_CLEAR,	 "IOMMU.CLEAR" },		\
		{ TDH_SPDM_CREATE,	 "SPDM.CREATE" },		\
		{ TDH_SPDM_DELETE,	 "SPDM.DELETE" },		\
		{ TDH_IDE_STREAM_CREATE, "IDE.STREAM.CREATE" },		\
		{ TDH_IDE_STREAM_DELETE, "IDE.STREAM.DELETE" })

TRACE_EVENT(tdx_pa_array_alloc,

	TP_PROTO(const struct tdx_pa_array *array, unsigned long nr_pages,
		 unsigned long caller),

	TP_ARGS(array, nr_pages, caller),

	TP_STRUCT__entry(
		__field(const void *, array)
		__field(unsigned long, caller)
		__field(unsigned long, nr_pages)
		__field(unsigned int, nr_entries)
	),

	TP_fast_assign(
		__entry->array = array;
		__entry->caller = caller;
		__entry->nr_pages = nr_pages;
		__entry->nr_entries = array->nr;
	),

	TP_printk("array=%p caller=%pS nr_entries=%u nr_pages=%lu",
		  __entry->array, (void *)__entry->caller, __entry->nr_entries,
		  __entry->nr_pages)
);

TRACE_EVENT(tdx_pa_array_window,

	TP_PROTO(const struct tdx_pa_array *array, const struct tdx_pa_window *window),

	TP_ARGS(array, window),

	TP_STRUCT__entry(
		__field(const void *, array)
		__field(u64, list_pa)
		__field(unsigned int, first_entry)
		__field(unsigned int, nr_entries)
	),

	TP_fast_assign(
		__entry->array = array;
		__entry->list_pa = window->list_pa;
		__entry->first_entry = window->first;
		__entry->nr_entries = window->nr;
	),

	TP_printk("array=%p list_pa=%#llx first_entry=%u nr_entries=%u",
		  __entry->array, __entry->list_pa, __entry->first_entry,
		  __entry->nr_entries)
);

/*
 * @nr_held is what the array has on record after the leaf.  @resumes counts how
 * often the leaf was issued again because it was interrupted.
 */
DECLARE_EVENT_CLASS(tdx_pa_array_leaf,

	TP_PROTO(u64 leaf, const struct tdx_pa_array *array, unsigned int first,
		 unsigned int nr, unsigned int resumes, u64 status),

	TP_ARGS(leaf, array, first, nr, resumes, status),

	TP_STRUCT__entry(
		__field(const void *, array)
		__field(u64, leaf)
		__field(u64, status)
		__field(unsigned int, first_entry)
		__field(unsigned int, nr_entries)
		__field(unsigned int, nr_held_entries)
		__field(unsigned int, resumes)
	),

	TP_fast_assign(
		__entry->array = array;
		__entry->leaf = leaf;
		__entry->status = status;
		__entry->first_entry = first;
		__entry->nr_entries = nr;
		__entry->nr_held_entries = array->nr_held;
		__entry->resumes = resumes;
	),

	TP_printk("array=%p leaf=%s first_entry=%u nr_entries=%u nr_held_entries=%u resumes=%u status=%#llx",
		  __entry->array, show_tdx_leaf(__entry->leaf), __entry->first_entry,
		  __entry->nr_entries, __entry->nr_held_entries, __entry->resumes,
		  __entry->status)
);

DEFINE_EVENT(tdx_pa_array_leaf, tdx_pa_array_claim,

	TP_PROTO(u64 leaf, const struct tdx_pa_array *array, unsigned int first,
		 unsigned int nr, unsigned int resumes, u64 status),

	TP_ARGS(leaf, array, first, nr, resumes, status)
);

DEFINE_EVENT(tdx_pa_array_leaf, tdx_pa_array_give_back,

	TP_PROTO(u64 leaf, const struct tdx_pa_array *array, unsigned int first,
		 unsigned int nr, unsigned int resumes, u64 status),

	TP_ARGS(leaf, array, first, nr, resumes, status)
);

TRACE_EVENT(tdx_wbinvd_failed,

	TP_PROTO(const struct tdx_pa_array *array, phys_addr_t pa, u64 status),

	TP_ARGS(array, pa, status),

	TP_STRUCT__entry(
		__field(const void *, array)
		__field(u64, pa)
		__field(u64, status)
	),

	TP_fast_assign(
		__entry->array = array;
		__entry->pa = pa;
		__entry->status = status;
	),

	TP_printk("array=%p pa=%#llx status=%#llx",
		  __entry->array, __entry->pa, __entry->status)
);

/*
 * @nr_held_pages stay with the module, @nr_stranded_pages of all stay out of use
 * although they were not donated.  @duration_ns is the time from the call until
 * the last page was dealt with.
 */
TRACE_EVENT(tdx_pa_array_release,

	TP_PROTO(const struct tdx_pa_array *array, const char *path,
		 unsigned long nr_pages, unsigned long nr_held_pages,
		 unsigned long nr_stranded_pages, u64 duration_ns,
		 unsigned long caller),

	TP_ARGS(array, path, nr_pages, nr_held_pages, nr_stranded_pages, duration_ns,
		caller),

	TP_STRUCT__entry(
		__field(const void *, array)
		__field(unsigned long, caller)
		__field(unsigned long, nr_pages)
		__field(unsigned long, nr_held_pages)
		__field(unsigned long, nr_stranded_pages)
		__field(u64, duration_ns)
		__field(unsigned int, nr_entries)
		__field(bool, flush)
		__string(path, path)
	),

	TP_fast_assign(
		__entry->array = array;
		__entry->caller = caller;
		__entry->nr_pages = nr_pages;
		__entry->nr_held_pages = nr_held_pages;
		__entry->nr_stranded_pages = nr_stranded_pages;
		__entry->duration_ns = duration_ns;
		__entry->nr_entries = array->nr;
		__entry->flush = array->flush;
		__assign_str(path);
	),

	TP_printk("array=%p caller=%pS path=%s nr_entries=%u nr_pages=%lu nr_held_pages=%lu nr_stranded_pages=%lu flush=%d duration_ns=%llu",
		  __entry->array, (void *)__entry->caller, __get_str(path),
		  __entry->nr_entries, __entry->nr_pages, __entry->nr_held_pages,
		  __entry->nr_stranded_pages, __entry->flush, __entry->duration_ns)
);

#endif /* _X86_VIRT_TDX_PA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE pa_trace

#include <trace/define_trace.h>
