// SPDX-License-Identifier: GPL-2.0
/*
 * The array as a module: what only a build outside the kernel tree needs
 */
#include <linux/export.h>
#include <linux/module.h>

#include <asm/tdx_connect.h>

#include "../../arch/x86/virt/vmx/tdx/pa_trace.h"

EXPORT_SYMBOL_GPL(tdx_pa_array_alloc);
EXPORT_SYMBOL_GPL(tdx_pa_array_alloc_iommu_mt);
EXPORT_SYMBOL_GPL(tdx_pa_array_free);
EXPORT_SYMBOL_GPL(tdx_pa_array_copy_out);
EXPORT_SYMBOL_GPL(tdx_pa_list);
EXPORT_SYMBOL_GPL(tdx_hpa_list_info);
EXPORT_SYMBOL_GPL(tdx_hpa_array);
EXPORT_SYMBOL_GPL(tdx_hpa_array_output);
EXPORT_SYMBOL_GPL(tdh_ext_init);
EXPORT_SYMBOL_GPL(tdh_ext_mem_add);
EXPORT_SYMBOL_GPL(tdh_iommu_setup);
EXPORT_SYMBOL_GPL(tdh_iommu_clear);
EXPORT_SYMBOL_GPL(tdh_spdm_create);
EXPORT_SYMBOL_GPL(tdh_spdm_delete);
EXPORT_SYMBOL_GPL(tdh_spdm_connect);
EXPORT_SYMBOL_GPL(tdh_spdm_disconnect);
EXPORT_SYMBOL_GPL(tdh_spdm_mng);
EXPORT_SYMBOL_GPL(tdh_ide_stream_create);
EXPORT_SYMBOL_GPL(tdh_ide_stream_km);
EXPORT_SYMBOL_GPL(tdh_ide_stream_block);
EXPORT_SYMBOL_GPL(tdh_ide_stream_delete);

/* For benchmarks/host/trace/trace_kunit.c */
EXPORT_TRACEPOINT_SYMBOL_GPL(tdx_pa_array_free);
EXPORT_TRACEPOINT_SYMBOL_GPL(tdx_pa_array_flush_failed);

MODULE_DESCRIPTION("Lists of pages for the TDX module");
MODULE_LICENSE("GPL");
