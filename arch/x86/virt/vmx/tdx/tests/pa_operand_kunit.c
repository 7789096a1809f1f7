// SPDX-License-Identifier: GPL-2.0
/*
 * Operand encoders: every field of the three formats
 *
 * The fields are taken apart by shifts and masks spelled out here, from the
 * TDX Connect ABI specification, not with the masks of the code under test.
 */
#include <linux/module.h>

#include "../pa_operand.h"
#include "fixture.h"

#define LIST_PFN	0x123456789aULL

static u64 page_entries[512] = { 0x000fedcba9876000ULL };

static struct tdx_pa_window window(unsigned int nr)
{
	return (struct tdx_pa_window) {
		.list_pa = LIST_PFN << 12,
		.entries = page_entries,
		.nr = nr,
	};
}

static u64 bits(u64 value, unsigned int high, unsigned int low)
{
	return (value >> low) & ((2ULL << (high - low)) - 1);
}

static const unsigned int sizes[] = { 1, 2, 3, 511, 512 };

static void size_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u entries", *nr);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/* Rule: HPA_LIST_INFO names the list page and the last entry, even of one. */
static void hpa_list_info_fields(struct kunit *test)
{
	struct tdx_pa_window w = window(*(const unsigned int *)test->param_value);
	u64 op = tdx_operand_hpa_list_info(&w);

	KUNIT_EXPECT_EQ(test, bits(op, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, bits(op, 11, 3), 0);
	KUNIT_EXPECT_EQ(test, bits(op, 51, 12), LIST_PFN);
	KUNIT_EXPECT_EQ(test, bits(op, 54, 52), 0);
	KUNIT_EXPECT_EQ(test, bits(op, 63, 55), w.nr - 1);
}

/* Rule: HPA_ARRAY_T names the list page, but of one page that page itself. */
static void hpa_array_fields(struct kunit *test)
{
	struct tdx_pa_window w = window(*(const unsigned int *)test->param_value);
	u64 op = tdx_operand_hpa_array(&w);

	KUNIT_EXPECT_EQ(test, bits(op, 11, 0), 0);
	KUNIT_EXPECT_EQ(test, bits(op, 51, 12), w.nr == 1 ? 0xfedcba9876ULL : LIST_PFN);
	KUNIT_EXPECT_EQ(test, bits(op, 54, 52), 0);
	KUNIT_EXPECT_EQ(test, bits(op, 63, 55), w.nr - 1);
}

/* Rule: the output operand is the scratch page, but 0 for one page. */
static void hpa_array_out_fields(struct kunit *test)
{
	struct tdx_pa_window w = window(*(const unsigned int *)test->param_value);

	KUNIT_EXPECT_EQ(test, tdx_operand_hpa_array_out(&w, 0x7000),
			w.nr == 1 ? 0 : 0x7000);
}

/* Rule: IOMMU_MT is the PA of the list page, even of one entry. */
static void iommu_mt_fields(struct kunit *test)
{
	struct tdx_pa_window w = window(*(const unsigned int *)test->param_value);

	KUNIT_EXPECT_EQ(test, tdx_operand_iommu_mt(&w), LIST_PFN << 12);
}

/* Rule: progress is in bits 11:3, and never more than the window has. */
static void hpa_list_info_progress(struct kunit *test)
{
	struct tdx_pa_window w = window(512);
	u64 op = tdx_operand_hpa_list_info(&w);

	KUNIT_EXPECT_EQ(test, tdx_operand_hpa_list_info_done(&w, op), 0);
	KUNIT_EXPECT_EQ(test, tdx_operand_hpa_list_info_done(&w, op | 1ULL << 3), 1);
	KUNIT_EXPECT_EQ(test, tdx_operand_hpa_list_info_done(&w, op | 511ULL << 3), 511);

	w = window(10);
	KUNIT_EXPECT_EQ(test, tdx_operand_hpa_list_info_done(&w, op | 511ULL << 3), 10);
}

static struct kunit_case pa_operand_cases[] = {
	KUNIT_CASE_PARAM(hpa_list_info_fields, size_gen_params),
	KUNIT_CASE_PARAM(hpa_array_fields, size_gen_params),
	KUNIT_CASE_PARAM(hpa_array_out_fields, size_gen_params),
	KUNIT_CASE_PARAM(iommu_mt_fields, size_gen_params),
	KUNIT_CASE(hpa_list_info_progress),
	{}
};

static struct kunit_suite pa_operand_suite = {
	.name = "tdx_pa_operand",
	.test_cases = pa_operand_cases,
};

kunit_test_suite(pa_operand_suite);

MODULE_DESCRIPTION("KUnit tests of operands for the TDX module");
MODULE_LICENSE("GPL");
