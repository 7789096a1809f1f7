/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events for tests: probes on events by name, wherever the array is, in a
 * module or in the kernel
 */
#ifndef _TDX_TESTS_EVENTS_H
#define _TDX_TESTS_EVENTS_H

#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

/**
 * struct test_event - an event, and the probe that hangs on it
 * @name: of the event
 * @probe: called with NULL and what the event is given
 * @tp: found when attached
 */
struct test_event {
	const char *name;
	void *probe;
	struct tracepoint *tp;
};

/* All events of a test, to be looked for. */
struct test_events {
	struct notifier_block nb;
	struct test_event *events;
	unsigned int nr;
};

static inline void find_event(struct tracepoint *tp, void *data)
{
	struct test_events *e = data;

	for (unsigned int i = 0; i < e->nr; i++) {
		if (!strcmp(tp->name, e->events[i].name))
			e->events[i].tp = tp;
	}
}

static inline int find_events_of_module(struct notifier_block *nb, unsigned long state,
					void *data)
{
#ifdef CONFIG_MODULES
	struct module *module = ((struct tp_module *)data)->mod;

	if (state == MODULE_STATE_COMING) {
		for (unsigned int i = 0; i < module->num_tracepoints; i++)
			find_event(tracepoint_ptr_deref(&module->tracepoints_ptrs[i]),
				   container_of(nb, struct test_events, nb));
	}
#endif
	return 0;
}

static inline void events_detach(struct test_event *events, unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(events[nr].tp, events[nr].probe, NULL);
	tracepoint_synchronize_unregister();
}

/* 0, or a negative errno with no probe left anywhere. */
static inline int events_attach(struct test_event *events, unsigned int nr)
{
	struct test_events e = {
		.nb.notifier_call = find_events_of_module,
		.events = events,
		.nr = nr,
	};

	for_each_kernel_tracepoint(find_event, &e);
	/* Tells of the modules that there are, at once. */
	register_tracepoint_module_notifier(&e.nb);
	unregister_tracepoint_module_notifier(&e.nb);

	for (unsigned int i = 0; i < nr; i++) {
		int ret = -ENOENT;

		if (events[i].tp)
			ret = tracepoint_probe_register(events[i].tp, events[i].probe, NULL);
		if (ret) {
			events_detach(events, i);
			return ret;
		}
	}
	return 0;
}

#endif /* _TDX_TESTS_EVENTS_H */
