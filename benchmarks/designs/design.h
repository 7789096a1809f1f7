/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A design: one way to pass lists of pages to the TDX module
 *
 * Each design has a folder of its own and fills in this table.  The first half
 * of the table is the data structure alone, for the benchmark.  The second half
 * has the call sequences of a host driver, written as the design intends.  An
 * operation that a design lacks is NULL.  A call sequence that is limited to
 * other numbers of pages or another order returns -EOPNOTSUPP, and has done
 * nothing.
 */
#ifndef _TDX_DESIGN_H
#define _TDX_DESIGN_H

#include <linux/types.h>

/* The use of an array.  Some designs allocate by use. */
enum design_use {
	USE_CONTROL,	/* control pages or a buffer: at most one list */
	USE_MEMORY,	/* memory of the extensions: any number of pages */
};

/**
 * struct design_object - an object of the module, and its control pages
 * @array: the pages, in the way of the design; NULL if the object does not
 *	exist
 * @id: ID of the object
 * @nr_pages: number of the pages, for a design whose array does not have it
 */
struct design_object {
	void *array;
	u64 id;
	unsigned int nr_pages;
};

/* The leaf that returns the device information */
enum design_info {
	INFO_CONNECT,
	INFO_RECOLLECT,		/* again, while connected */
};

/* A function that frees an array.  The caller has to choose one. */
struct design_free_function {
	const char *name;
	void (*free)(void *array);
};

#define DESIGN_MAX_FREE_FUNCTIONS	4

struct design {
	const char *name;
	/* One line about it */
	const char *title;
	struct module *owner;

	/*
	 * The most pages of an array, by use.  Beyond, create() returns NULL.
	 */
	unsigned int max_control;
	unsigned int max_memory;

	/*
	 * Leaves that return pages take IDs only.  See
	 * tdx_model_set_delete_by_id().
	 */
	bool deletes_by_id;
	/* See design_select(); NULL if the design has no variants. */
	void (*select)(void);

	void *(*create)(enum design_use use, unsigned int nr);
	/*
	 * Compute all operands.  The return value depends on each, so none is
	 * optimized out.
	 */
	u64 (*hand_over)(void *array);
	/*
	 * Compute the operand of control pages.  Their list was filled at
	 * creation.
	 */
	u64 (*operand)(void *array);
	/* Free pages that the module never owned. */
	void (*release)(void *array);
	/*
	 * Free pages as if the module had claimed and returned them.  Most
	 * designs flush.
	 */
	void (*release_flushed)(void *array);
	/* PA of the pages behind entry @i, and their number. */
	phys_addr_t (*pages)(void *array, unsigned int i, unsigned long *nr_pages);
	unsigned int (*nr_entries)(void *array);
	/*
	 * Prepare the list whose first entry to process is @first.  Return
	 * HPA_LIST_INFO.
	 */
	u64 (*window)(void *array, unsigned int first);
	/* A caller adds memory window by window, so it can confuse windows. */
	bool adds_windows;
	/* Call one leaf: SPDM.CREATE, SPDM.DELETE. */
	int (*claim)(void *array, u64 func_id, u64 *id);
	int (*give_back)(void *array, u64 id);
	struct design_free_function free_functions[DESIGN_MAX_FREE_FUNCTIONS];
	/* Bytes of the array without its pages, rounded up by the allocators */
	size_t (*metadata_bytes)(void *array);

	/*
	 * Call sequences.  They return 0 or a negative errno, and clean up
	 * after an error.  A design may skip an IOMMU without TDX mode:
	 * iommu_setup() returns 0 without an array, and iommu_clear() accepts
	 * that.
	 */
	int (*spdm_create)(u64 func_id, unsigned int nr, struct design_object *spdm);
	int (*spdm_delete)(struct design_object *spdm);
	int (*ide_create)(u64 info, const struct design_object *spdm, unsigned int nr,
			  struct design_object *ide);
	int (*ide_delete)(const struct design_object *spdm, struct design_object *ide);
	int (*iommu_setup)(u64 reg_base, unsigned int order, unsigned int nr_pages,
			   struct design_object *iommu);
	int (*iommu_clear)(struct design_object *iommu);
	int (*ext_start)(unsigned int nr);
	/*
	 * Device information: *@blob is kmalloc memory of *@len bytes on
	 * success.
	 */
	int (*read_info)(const struct design_object *spdm, enum design_info how,
			 unsigned int nr_pages, void **blob, size_t *len);
};

#define MAX_DESIGNS	24

/* All designs of loaded modules, in the order of loading */
extern const struct design *designs[MAX_DESIGNS];
extern unsigned int nr_designs;

void design_register(const struct design *design);
void design_unregister(const struct design *design);
const struct design *design_find(const char *name);

/*
 * Called for each array that is allocated: the page checker can watch its
 * pages.
 */
extern void (*design_on_array)(const struct design *design, void *array);

/* Let the page checker watch all pages of an array. */
void design_watch(const struct design *design, void *array);

static inline void design_allocated(const struct design *design, void *array)
{
	if (design_on_array)
		design_on_array(design, array);
}

/* Call this before @design is used after another design. */
void design_select(const struct design *design);

/*
 * A design leaks this kmalloc object.  design_reclaim() frees all of them after
 * the page checker has counted them.
 */
void design_leak(const void *object);
void design_reclaim(void);

/*
 * A caller walks a range of pages that starts at NULL.  It would crash: count
 * it instead.
 */
extern unsigned int design_null_walks;
void design_null_walk(void);

/**
 * struct design_guard - a module that supervises the designs while they run
 * @owner: the module
 * @stop: it saw an error, and the designs must stop
 */
struct design_guard {
	struct module *owner;
	bool stop;
};

/* NULL without supervision */
extern struct design_guard *design_guard;

static inline bool designs_must_stop(void)
{
	return design_guard && READ_ONCE(design_guard->stop);
}

/* Keep the designs and the guard loaded until designs_put(). */
bool designs_get(void);
void designs_put(void);

/* The effect of WBINVD on all CPUs on the pages of the software TDX module */
void design_wbinvd_on_all_cpus(void);

/*
 * Deliver the message that @status requests, if any.  Returns true if the leaf
 * must be called again.  @rounds starts at 0 and limits the calls.
 */
bool design_deliver(u64 status, u64 len, unsigned int *rounds);

/* The pages that TDH.SPDM.CONNECT takes in addition to the buffer */
struct design_pages {
	struct page *config;
	struct page *response;
	struct page *request;
};

extern struct design_pages design_shared;

#endif /* _TDX_DESIGN_H */
