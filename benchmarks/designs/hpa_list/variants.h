/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HPA_VARIANTS_H
#define _HPA_VARIANTS_H

/* hpa_list as it is, and with another error path */
extern const struct design design_hpa_list, design_hpa_list_freed;

#endif /* _HPA_VARIANTS_H */
