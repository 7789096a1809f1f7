// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays in several threads: different arrays are independent, and threads may
 * read the same array
 */
#include <linux/completion.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/module.h>

#include <asm/tdx_connect.h>

#include "tdx.h"
#include "../../arch/x86/virt/vmx/tdx/tests/fixture.h"

#define NR_THREADS	8
#define NR_ROUNDS	200
#define STREAM_PAGES	3
#define MEM_PAGES	2

/* Control pages of a thread's session, in turn */
static const unsigned int sizes[] = { 1, 2, 100, 511, 512 };

static unsigned int size_in_round(unsigned int number, unsigned int round)
{
	return sizes[(number + round) % ARRAY_SIZE(sizes)];
}

/* Read by all threads, changed by none: three lists */
static struct tdx_pa_array *shared;

/**
 * struct worker - one thread
 * @number: its number, which makes its objects in the module unique
 * @nr_errors: number of failed checks
 * @line: line of the last of them
 * @done: the thread has ended
 */
struct worker {
	unsigned int number;
	unsigned int nr_errors;
	int line;
	struct completion done;
};

/* A thread cannot use the expectations of KUnit. */
static void check(struct worker *w, bool passed, int line)
{
	if (passed)
		return;
	w->nr_errors++;
	w->line = line;
}

#define CHECK(w, condition)	check(w, condition, __LINE__)

static void read_shared(struct worker *w, unsigned int round)
{
	unsigned int first = round % 3 * TDX_PA_LIST_MAX;
	u64 info = tdx_hpa_list_info(shared, first);
	u8 byte = 0;

	CHECK(w, (info & PAGE_MASK & GENMASK_ULL(51, 0)) == tdx_pa_list(shared, first));
	CHECK(w, !tdx_pa_array_copy_out(shared, &byte, 1));
	CHECK(w, byte == 0x5a);
}

/*
 * A session and a stream from beginning to end, and memory for the extensions.
 */
static void live(struct worker *w, unsigned int round)
{
	unsigned int nr = size_in_round(w->number, round);
	struct tdx_pa_array *spdm_mt __free(tdx_pa_array) = tdx_pa_array_alloc(nr, NUMA_NO_NODE);
	struct tdx_pa_array *ide_mt __free(tdx_pa_array) =
		tdx_pa_array_alloc(STREAM_PAGES, NUMA_NO_NODE);
	struct tdx_pa_array *mem __free(tdx_pa_array) =
		tdx_pa_array_alloc(MEM_PAGES, NUMA_NO_NODE);
	struct tdx_ide_stream stream = { .info = 0x100 + w->number };
	u64 spdm_id, ide_id, rp_ide_id;

	CHECK(w, spdm_mt && ide_mt && mem);
	if (!spdm_mt || !ide_mt || !mem)
		return;

	fixture_watch(spdm_mt);
	fixture_watch(ide_mt);
	fixture_watch(mem);
	CHECK(w, !tdh_spdm_create(0x1000 + w->number, spdm_mt, &spdm_id));
	CHECK(w, spdm_mt->nr_held == nr && spdm_mt->flush);
	CHECK(w, !tdh_ide_stream_create(&stream, spdm_id, ide_mt, &ide_id, &rp_ide_id));
	CHECK(w, !tdh_ext_mem_add(mem) && mem->nr_held == MEM_PAGES);
	read_shared(w, round);
	CHECK(w, !tdh_ide_stream_block(spdm_id, ide_id));
	CHECK(w, !tdh_ide_stream_delete(spdm_id, ide_id, ide_mt));
	CHECK(w, !tdh_spdm_delete(spdm_id, spdm_mt));
	CHECK(w, !spdm_mt->nr_held);
}

static int work(void *data)
{
	struct worker *w = data;

	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		live(w, round);
		cond_resched();
	}
	/*
	 * Not complete() and return: this module may be gone before the thread
	 * returns.
	 */
	kthread_complete_and_exit(&w->done, 0);
}

/* Rule: threads need no lock as long as each has its own arrays. */
static void arrays_are_independent(struct kunit *test)
{
	unsigned long flushed = 0;
	struct worker *workers;

	workers = kunit_kcalloc(test, NR_THREADS, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	shared = fixture_alloc(test, 1300);
	*(u8 *)phys_to_virt(tdx_pa_entry(shared, 0)) = 0x5a;
	fixture_expect(test, NR_THREADS * NR_ROUNDS * MEM_PAGES, 0);

	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct task_struct *task;

		workers[i].number = i;
		init_completion(&workers[i].done);
		task = kthread_run(work, &workers[i], "tdx_worker/%u", i);
		if (IS_ERR(task)) {
			KUNIT_FAIL(test, "cannot start thread %u", i);
			complete(&workers[i].done);
		}
	}

	/* Wait for all of them, because they use what is freed below. */
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ_MSG(test, workers[i].nr_errors, 0, "thread %u, last in line %d",
				    i, workers[i].line);
		for (unsigned int round = 0; round < NR_ROUNDS; round++)
			flushed += STREAM_PAGES + size_in_round(i, round);
	}
	tdx_pa_array_free(shared);

	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), flushed);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), NR_THREADS * NR_ROUNDS * MEM_PAGES);
}

static struct kunit_case threads_cases[] = {
	KUNIT_CASE(arrays_are_independent),
	{}
};

static struct kunit_suite threads_suite = {
	.name = "tdx_threads",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = threads_cases,
};

kunit_test_suite(threads_suite);

MODULE_DESCRIPTION("KUnit tests of page arrays in several threads");
MODULE_LICENSE("GPL");
