/* SPDX-License-Identifier: GPL-2.0 */
/* Newer than 6.12, where benchmarks/kernels/compat.h defines the statuses. */
