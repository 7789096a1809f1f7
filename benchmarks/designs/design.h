/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A design: one answer to the question how the host hands pages to the TDX
 * module
 *
 * Each design lives in a folder of its own and fills in this table.  The first
 * half is the data structure by itself, which the benchmark takes apart.  The
 * second half is what a host driver does with it: the flows, each written the
 * way the design wants its callers to be.  An operation that a design does not
 * have is NULL.
 */
#ifndef _TDX_DESIGN_H
#define _TDX_DESIGN_H

#include <linux/types.h>

/* What an array is for, which decides how some designs allocate it. */
enum design_use {
	USE_CONTROL,	/* control pages or a buffer: what one list page holds */
	USE_MEMORY,	/* memory of the extensions: any number */
};

/* Something that the module made from control pages, and those pages. */
struct design_object {
	void *array;
	u64 id;
};

/* By which leaf the device information comes. */
enum design_info {
	INFO_CONNECT,
	INFO_RECOLLECT,		/* again, over a connection */
};

/* A way to end the life of an array, among which a caller has to pick. */
struct design_way_out {
	const char *name;
	void (*take)(void *array);
};

#define DESIGN_MAX_WAYS_OUT	4

struct design {
	const char *name;
	/* How it differs from the others, in one line. */
	const char *title;
	struct module *owner;

	/* Pages that one array for @use may have; create() gives NULL beyond. */
	unsigned int max_control;
	unsigned int max_memory;

	/* See design_select(); NULL if the design has no variants. */
	void (*select)(void);

	void *(*create)(enum design_use use, unsigned int nr);
	/* Make all operands ready; return a mix of them to keep the compiler honest. */
	u64 (*hand_over)(void *array);
	/* The same for control pages, whose list is ready since their creation. */
	u64 (*operand)(void *array);
	/* Release pages that the module never saw. */
	void (*release)(void *array);
	/* Release pages as if the module had claimed them and given all back. */
	void (*release_flushed)(void *array);
	/* PA of the pages behind entry @i, and their number. */
	phys_addr_t (*pages)(void *array, unsigned int i, unsigned long *nr_pages);
	unsigned int (*nr_entries)(void *array);
	/*
	 * Make ready the window that begins with entry @first, or holds it if
	 * windows cannot begin anywhere.  Return it as HPA_LIST_INFO.
	 */
	u64 (*window)(void *array, unsigned int first);
	/* One leaf that claims the pages, one that gives them back, and no more. */
	int (*claim)(void *array, u64 func_id, u64 *id);
	int (*give_back)(void *array, u64 id);
	struct design_way_out ways_out[DESIGN_MAX_WAYS_OUT];
	/* Bytes that the array takes beside its pages, as the allocators count. */
	size_t (*metadata_bytes)(void *array);

	/* Flows: 0, or a negative errno with nothing left to be done by the caller. */
	int (*spdm_create)(u64 func_id, unsigned int nr, struct design_object *spdm);
	int (*spdm_delete)(struct design_object *spdm);
	int (*ide_create)(u64 info, const struct design_object *spdm, unsigned int nr,
			  struct design_object *ide);
	int (*ide_delete)(const struct design_object *spdm, struct design_object *ide);
	int (*iommu_setup)(u64 reg_base, unsigned int order, unsigned int nr_pages,
			   struct design_object *iommu);
	int (*iommu_clear)(struct design_object *iommu);
	int (*ext_start)(unsigned int nr);
	/* Device information: *@blob is kmalloc memory of *@len bytes on success. */
	int (*read_info)(const struct design_object *spdm, enum design_info how,
			 unsigned int nr_pages, void **blob, size_t *len);
};

#define MAX_DESIGNS	16

/* All designs whose modules are loaded, in the order in which they came. */
extern const struct design *designs[MAX_DESIGNS];
extern unsigned int nr_designs;

void design_register(const struct design *design);
void design_unregister(const struct design *design);
const struct design *design_find(const char *name);

/*
 * Flows call this for each array that they have allocated, so that the judge
 * can watch the pages.
 */
extern void (*design_on_array)(const struct design *design, void *array);

/* For that purpose: have the judge wait for all pages of an array. */
void design_watch(const struct design *design, void *array);

static inline void design_allocated(const struct design *design, void *array)
{
	if (design_on_array)
		design_on_array(design, array);
}

/* To be called before @design is used after another one. */
static inline void design_select(const struct design *design)
{
	if (design->select)
		design->select();
}

/*
 * A flow leaves this kmalloc object behind, as its design wants it: the judge has
 * seen that it was not freed once design_reclaim() is called, which does.
 */
void design_strand(const void *object);
void design_reclaim(void);

/**
 * struct design_guard - who watches the door while designs run
 * @owner: its module
 * @stop: it has seen what must not be; whoever runs designs is to stop
 */
struct design_guard {
	struct module *owner;
	bool stop;
};

/* NULL if nobody does. */
extern struct design_guard *design_guard;

static inline bool designs_must_stop(void)
{
	return design_guard && READ_ONCE(design_guard->stop);
}

/* No design is to be unloaded from now on, nor its guard; until designs_put(). */
bool designs_get(void);
void designs_put(void);

/* WBINVD on all CPUs, as far as the module behind the door is concerned. */
void design_wbinvd_on_all_cpus(void);

/*
 * Has the leaf asked for a message to be delivered?  Then it was, and the leaf is
 * to be called again; but not forever: @rounds counts from 0.
 */
bool design_talk(u64 status, u64 len, unsigned int *rounds);

/* Three pages of the host's that TDH.SPDM.CONNECT wants beside the buffer. */
struct design_pages {
	phys_addr_t config;
	phys_addr_t response;
	phys_addr_t request;
};

extern struct design_pages design_shared;

#endif /* _TDX_DESIGN_H */
