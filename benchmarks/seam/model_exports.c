// SPDX-License-Identifier: GPL-2.0
/*
 * The software TDX module as a module: its interface for tests and benchmarks
 */
#include <linux/export.h>

#include "../../arch/x86/virt/vmx/tdx/tests/tdx_model.h"

EXPORT_SYMBOL_GPL(tdx_model_seamcall);
EXPORT_SYMBOL_GPL(tdx_model_reset_paddr);
EXPORT_SYMBOL_GPL(tdx_model_set_key);
EXPORT_SYMBOL_GPL(tdx_model_key);
EXPORT_SYMBOL_GPL(tdx_model_reset);
EXPORT_SYMBOL_GPL(tdx_model_fail);
EXPORT_SYMBOL_GPL(tdx_model_fail_wbinvd);
EXPORT_SYMBOL_GPL(tdx_model_set_outside);
EXPORT_SYMBOL_GPL(tdx_model_disarm);
EXPORT_SYMBOL_GPL(tdx_model_set_busy_region);
EXPORT_SYMBOL_GPL(tdx_model_lock_pages);
EXPORT_SYMBOL_GPL(tdx_model_lock_object);
EXPORT_SYMBOL_GPL(tdx_model_unlock);
EXPORT_SYMBOL_GPL(tdx_model_record);
EXPORT_SYMBOL_GPL(tdx_model_set_flush_owned);
EXPORT_SYMBOL_GPL(tdx_model_set_list_write);
EXPORT_SYMBOL_GPL(tdx_model_set_zero_registers);
EXPORT_SYMBOL_GPL(tdx_model_set_nr_control);
EXPORT_SYMBOL_GPL(tdx_model_set_iommu_entries);
EXPORT_SYMBOL_GPL(tdx_model_set_output);
EXPORT_SYMBOL_GPL(tdx_model_set_clear);
EXPORT_SYMBOL_GPL(tdx_model_set_delete_by_id);
EXPORT_SYMBOL_GPL(tdx_model_set_rounds);
EXPORT_SYMBOL_GPL(tdx_model_set_length);
EXPORT_SYMBOL_GPL(tdx_model_device);
EXPORT_SYMBOL_GPL(tdx_model_nr_calls);
EXPORT_SYMBOL_GPL(tdx_model_nr_resets);
EXPORT_SYMBOL_GPL(tdx_model_nr_early_resets);
EXPORT_SYMBOL_GPL(tdx_model_set_erratum);
EXPORT_SYMBOL_GPL(tdx_model_nr_owned);
EXPORT_SYMBOL_GPL(tdx_model_owns);
EXPORT_SYMBOL_GPL(tdx_model_dirty);
EXPORT_SYMBOL_GPL(tdx_model_digest);
EXPORT_SYMBOL_GPL(tdx_model_info_byte);
EXPORT_SYMBOL_GPL(tdx_model_wbinvd_all);
EXPORT_SYMBOL_GPL(tdx_checker_begin);
EXPORT_SYMBOL_GPL(tdx_checker_watch);
EXPORT_SYMBOL_GPL(tdx_checker_read);
EXPORT_SYMBOL_GPL(tdx_checker_end);
EXPORT_SYMBOL_GPL(tdx_checker_message);
EXPORT_SYMBOL_GPL(tdx_checker_nr_free_pages);
EXPORT_SYMBOL_GPL(tdx_model_reclaim);
