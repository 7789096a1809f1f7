/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What model and judge know about each page of this machine
 */
#ifndef _TDX_MODEL_PAGE_H
#define _TDX_MODEL_PAGE_H

#include <linux/types.h>

enum model_owner {
	OWNER_NONE,		/* PT_NDA: the host's */
	OWNER_EXT,
	OWNER_IOMMU,
	OWNER_SPDM,
	OWNER_IDE,
};

/**
 * struct model_page - one 4 KiB page
 * @owner: whose it is
 * @dirty: there are dirty private lines of it in the caches
 * @watched: the judge waits for its return to the page allocator
 * @bad_flush: TDH.PHYMEM.PAGE.WBINVD of it fails
 */
struct model_page {
	u8 owner;
	bool dirty;
	bool watched;
	bool bad_flush;
};

struct model_page *model_page(unsigned long pfn);
unsigned long model_end_pfn(void);

int judge_init(void);
void judge_exit(void);

#endif /* _TDX_MODEL_PAGE_H */
