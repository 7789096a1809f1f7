// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads: different arrays are independent, and one array may be looked at by
 * many at once
 */
#include <linux/completion.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/module.h>

#include <asm/tdx_connect.h>

#include "../door.h"
#include "fixture.h"

#define NR_THREADS	8
#define NR_ROUNDS	200

/* Control pages of a thread's session, in turn. */
static const unsigned int sizes[] = { 1, 2, 100, 511, 512 };

static unsigned int size_in_round(unsigned int number, unsigned int round)
{
	return sizes[(number + round) % ARRAY_SIZE(sizes)];
}

/* Shared by all threads, changed by none: a buffer of three windows. */
static struct tdx_pa_array *shared;

/**
 * struct worker - one thread
 * @number: its number, which makes its names in the module unique
 * @wrong: number of things that went wrong, and
 * @line: where the last of them was
 * @done: it has ended
 */
struct worker {
	unsigned int number;
	unsigned int wrong;
	int line;
	struct completion done;
};

/* Threads have no KUnit of their own. */
static void check(struct worker *w, bool right, int line)
{
	if (right)
		return;
	w->wrong++;
	w->line = line;
}

#define CHECK(w, right)	check(w, right, __LINE__)

static void look_at_shared(struct worker *w, unsigned int round)
{
	unsigned int idx = round % 3;
	struct tdx_pa_window window;
	u8 byte;

	CHECK(w, !tdx_pa_array_window(shared, idx, &window));
	CHECK(w, window.first == idx * TDX_PA_WINDOW_MAX);
	CHECK(w, window.entries[0] == shared->entries[window.first]);
	CHECK(w, !tdx_pa_array_copy_out(shared, &byte, (size_t)window.first * PAGE_SIZE, 1));
	CHECK(w, byte == idx);
}

/* A session and a stream, from beginning to end. */
static void live(struct worker *w, unsigned int round)
{
	unsigned int nr = size_in_round(w->number, round);
	struct tdx_pa_array *spdm_mt = tdx_pa_array_alloc(nr);
	struct tdx_pa_array *ide_mt = tdx_pa_array_alloc(3);
	struct tdx_ide_stream stream = { .info = 0x100 + w->number };
	u64 spdm_id, ide_id, rp_ide_id;

	CHECK(w, spdm_mt && ide_mt);
	if (!spdm_mt || !ide_mt)
		goto release;

	fixture_watch(spdm_mt);
	fixture_watch(ide_mt);
	CHECK(w, !tdh_spdm_create(0x1000 + w->number, spdm_mt, &spdm_id));
	CHECK(w, spdm_mt->nr_held == nr && spdm_mt->flush);
	CHECK(w, !tdh_ide_stream_create(&stream, spdm_id, ide_mt, &ide_id, &rp_ide_id));
	look_at_shared(w, round);
	CHECK(w, !tdh_ide_stream_block(spdm_id, ide_id));
	CHECK(w, !tdh_ide_stream_delete(spdm_id, ide_id, ide_mt));
	CHECK(w, !tdh_spdm_delete(spdm_id, spdm_mt));
	CHECK(w, !spdm_mt->nr_held);
release:
	tdx_pa_array_release(ide_mt);
	tdx_pa_array_release(spdm_mt);
}

static int work(void *data)
{
	struct worker *w = data;

	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		live(w, round);
		cond_resched();
	}
	/* Not complete() and return: this module may be gone before the return is. */
	kthread_complete_and_exit(&w->done, 0);
}

/* Rule: threads need no lock as long as each has an array of its own. */
static void arrays_are_independent(struct kunit *test)
{
	unsigned long pages = 0;
	struct worker *workers;
	struct tdx_pa_window w;

	workers = kunit_kcalloc(test, NR_THREADS, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	shared = fixture_alloc(test, 1300);
	for_each_tdx_pa_window(&w, shared) {
		u8 *first_byte = phys_to_virt(w.entries[0]);

		*first_byte = w.first / TDX_PA_WINDOW_MAX;
	}

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

	/* They use what is freed below, so there is no leaving them behind. */
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		wait_for_completion(&workers[i].done);
		KUNIT_EXPECT_EQ_MSG(test, workers[i].wrong, 0, "thread %u, last in line %d",
				    i, workers[i].line);
	}
	tdx_pa_array_release(shared);

	for (unsigned int i = 0; i < NR_THREADS; i++) {
		for (unsigned int round = 0; round < NR_ROUNDS; round++)
			pages += 3 + size_in_round(i, round);
	}
	KUNIT_EXPECT_EQ(test, tdx_model_nr_calls(TDH_PHYMEM_PAGE_WBINVD), pages);
	KUNIT_EXPECT_EQ(test, tdx_model_nr_owned(), 0);
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

MODULE_DESCRIPTION("KUnit tests of arrays in many threads");
MODULE_LICENSE("GPL");
