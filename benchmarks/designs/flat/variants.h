/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _FLAT_VARIANTS_H
#define _FLAT_VARIANTS_H

/* flat, its variants with another allocation, and flat under another name */
extern const struct design design_flat, design_flat_v2alloc, design_flat_blocks,
	design_flat_again;

#endif /* _FLAT_VARIANTS_H */
