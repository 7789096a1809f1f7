// SPDX-License-Identifier: GPL-2.0
/*
 * v2 from the mbox of its series: the project's callers of that array
 */
#include "page_array.h"
#include "../v2/flows.c"
