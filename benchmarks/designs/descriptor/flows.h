/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DESCRIPTOR_FLOWS_H
#define _DESCRIPTOR_FLOWS_H

#include "../design.h"

extern const struct design design_descriptor;

#endif /* _DESCRIPTOR_FLOWS_H */
