// SPDX-License-Identifier: GPL-2.0
/*
 * An emulated TDX host: pages of guest memory that are not the guest's
 *
 * A page that the module owns, or that has dirty private cache lines, is watched: QEMU
 * executes stores to it on its slow path, which calls tdx_host_store().
 *
 * A store to an owned page is logged.  Real hardware does not see the store: a later
 * access through the private key fails its integrity check.  Here the report has the
 * instruction.  Owned pages contain a pattern, which is what a load returns.
 *
 * A page that the module returned dirty, and that nobody flushed, is corrupted: some
 * time after the first store, one cache line is overwritten.
 */
#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "qemu/main-loop.h"
#include "exec/address-spaces.h"
#include "exec/exec-all.h"
#include "exec/memory.h"
#include "exec/ramlist.h"
#include "exec/tdx-host.h"
#include "sysemu/sysemu.h"
#include "cpu.h"

#define PAGE		(1 << TDX_HOST_PAGE_BITS)
#define LINE		64
#define MAX_LOGGED	200

/* One for each page of RAM, by ram_addr_t */
struct frame {
	int64_t when;		/* of the late write-back */
	uint64_t partial;	/* lines that MOVDIR64B must write first, one bit each */
	uint32_t pfn;
	uint8_t state;		/* enum tdx_host_page */
	bool logged;
};

struct tdx_host tdx_host = { .seed = 1, .max_delay_us = 5000 };

static struct frame *frames;
static size_t nr_frames;
static QemuMutex lock;
static QEMUTimer *timer;
/* Positions in frames of pages that are armed */
static GArray *armed;
/* PFNs and numbers of pages whose state the current call changed */
static GArray *changed;
static FILE *log_file;
/* The module itself stores to its pages. */
static __thread bool own_store;
__thread vaddr tdx_host_whole_line = -1;
__thread uintptr_t tdx_host_whole_retaddr;
static bool erratum;

void tdx_host_lock(void) { qemu_mutex_lock(&lock); }
void tdx_host_unlock(void) { qemu_mutex_unlock(&lock); }

void tdx_host_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("tdx-host: ", log_file);
	vfprintf(log_file, format, args);
	fputc('\n', log_file);
	va_end(args);
	fflush(log_file);
}

uint64_t tdx_host_random(uint64_t end)
{
	tdx_host.seed = tdx_host.seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (tdx_host.seed >> 33) % end;
}

static MemoryRegion *ram_at(hwaddr pa, hwaddr *offset)
{
	hwaddr len = 1;
	MemoryRegion *mr;

	RCU_READ_LOCK_GUARD();
	mr = address_space_translate(&address_space_memory, pa, offset, &len, true,
				     MEMTXATTRS_UNSPECIFIED);
	return memory_region_is_ram(mr) && !mr->readonly ? mr : NULL;
}

/* Return the host's address of guest memory, or NULL. */
void *tdx_host_memory(uint64_t pa)
{
	hwaddr offset;
	MemoryRegion *mr = ram_at(pa, &offset);

	return mr ? memory_region_get_ram_ptr(mr) + offset : NULL;
}

bool tdx_host_watches(ram_addr_t addr)
{
	size_t i = addr >> TDX_HOST_PAGE_BITS;

	return i < nr_frames && (frames[i].state || frames[i].partial);
}

/* The model is about to change these pages: tdx_host_sync() looks at them. */
void tdx_host_changed(uint64_t pfn, uint64_t nr_pages)
{
	uint64_t range[] = { pfn, nr_pages };

	g_array_append_vals(changed, range, 2);
}

/* Return NULL if the page is not RAM. */
static struct frame *frame_of(uint64_t pfn)
{
	hwaddr offset;
	MemoryRegion *mr = ram_at(pfn << TDX_HOST_PAGE_BITS, &offset);
	size_t i = mr ? (memory_region_get_ram_addr(mr) + offset) >> TDX_HOST_PAGE_BITS : nr_frames;

	return i < nr_frames ? &frames[i] : NULL;
}

/* The lines of this page that MOVDIR64B must write first, one bit each */
uint64_t tdx_host_partial(uint64_t pfn)
{
	struct frame *frame = frame_of(pfn);

	return frame ? frame->partial : 0;
}

/* MOVDIR64B does not have to write the lines of this page. */
void tdx_host_forget_partial(uint64_t pfn)
{
	struct frame *frame = frame_of(pfn);

	if (frame)
		frame->partial = 0;
}

/* Take over the state of one page.  Return true if stores must be watched from now on. */
static bool sync_page(uint64_t pfn)
{
	enum tdx_host_page state = tdx_module_page(pfn);
	struct frame *frame = frame_of(pfn);
	bool starts;

	if (!frame || frame->state == state ||
	    (frame->state == TDX_HOST_ARMED && state == TDX_HOST_DIRTY))
		return false;

	starts = !frame->state && !frame->partial;
	frame->pfn = pfn;
	/* Only a reset or the end of the module returns a page otherwise. */
	if (frame->state == TDX_HOST_OWNED && state == TDX_HOST_DIRTY && erratum &&
	    tdx_module_is_on())
		frame->partial = ~0ULL;
	qatomic_set(&frame->state, state);
	if (state == TDX_HOST_OWNED) {
		frame->logged = false;
		frame->partial = 0;
		memset(tdx_host_memory(pfn << TDX_HOST_PAGE_BITS), TDX_HOST_PATTERN, PAGE);
	}
	return starts;
}

/* After a SEAMCALL or WBINVD: take over what it changed. */
void tdx_host_sync(void)
{
	bool starts = false;

	for (guint i = 0; i < changed->len; i += 2) {
		uint64_t pfn = g_array_index(changed, uint64_t, i);
		uint64_t end = pfn + g_array_index(changed, uint64_t, i + 1);

		for (; pfn < end; pfn++)
			starts |= sync_page(pfn);
	}
	g_array_set_size(changed, 0);
	if (starts)
		tdx_host_watch_all();
}

/* Of each kind of event, only the first are logged. */
static bool is_logged(uint64_t nr)
{
	if (nr == MAX_LOGGED + 1)
		tdx_host_log("from here on, such reports are counted, and not logged");
	return nr <= MAX_LOGGED;
}

/* Overwrite a line of each page whose time has come. */
static void write_back(void *opaque)
{
	int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), next = INT64_MAX;
	GArray *due = g_array_new(false, false, sizeof(hwaddr));
	uint8_t bytes[LINE];

	tdx_host_lock();
	for (guint i = 0; i < armed->len; ) {
		struct frame *frame = &frames[g_array_index(armed, size_t, i)];

		if (frame->state == TDX_HOST_ARMED && frame->when > now) {
			next = MIN(next, frame->when);
			i++;
			continue;
		}
		if (frame->state == TDX_HOST_ARMED) {
			hwaddr pa = ((hwaddr)frame->pfn << TDX_HOST_PAGE_BITS) +
				    tdx_host_random(PAGE / LINE) * LINE;

			g_array_append_val(due, pa);
			qatomic_set(&frame->state, TDX_HOST_SHARED);
		}
		g_array_remove_index_fast(armed, i);
	}
	for (guint i = 0; i < due->len; i++) {
		hwaddr pa = g_array_index(due, hwaddr, i);

		if (!tdx_host.nr_write_backs)
			tdx_host.write_back_pa = pa;
		if (is_logged(++tdx_host.nr_write_backs))
			tdx_host_log("late write-back of a dirty line to PA 0x%" PRIx64, pa);
	}
	for (int i = 0; i < LINE; i++)
		bytes[i] = tdx_host_random(256);
	if (armed->len)
		timer_mod_ns(timer, next);
	own_store = true;
	for (guint i = 0; i < due->len; i++)
		address_space_write(&address_space_memory, g_array_index(due, hwaddr, i),
				    MEMTXATTRS_UNSPECIFIED, bytes, LINE);
	own_store = false;
	tdx_host_unlock();
	g_array_free(due, true);
}

static void arm(struct frame *frame)
{
	size_t i = frame - frames;

	frame->when = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + 1 +
		      tdx_host_random(tdx_host.max_delay_us * 1000 + 1);
	qatomic_set(&frame->state, TDX_HOST_ARMED);
	g_array_append_val(armed, i);
	timer_mod_anticipate_ns(timer, frame->when);
}

/* The instruction that stores, as QEMU finds it for its own devices */
static uint64_t guest_rip(CPUX86State *env, uintptr_t retaddr)
{
	uint64_t data[TARGET_INSN_START_WORDS];

	if (!cpu_unwind_state_data(env_cpu(env), retaddr, data))
		return env->eip;
	return TARGET_TB_PCREL ? (env->eip & TARGET_PAGE_MASK) | data[0] :
				 data[0] - env->segs[R_CS].base;
}

/* SRAR, for this CPU alone: otherwise Linux waits for the other CPUs. */
static void fill_bank(CPUX86State *env, uint64_t pa, uint64_t ip_is_valid)
{
	env->mce_banks[1] = MCI_STATUS_VAL | MCI_STATUS_UC | MCI_STATUS_EN | MCI_STATUS_MISCV |
			    MCI_STATUS_ADDRV | MCI_STATUS_S | MCI_STATUS_AR | 0x134;
	env->mce_banks[2] = pa;
	env->mce_banks[3] = MCM_ADDR_PHYS << 6 | TDX_HOST_PAGE_BITS;
	env->mcg_status = MCG_STATUS_MCIP | MCG_STATUS_LMCE | ip_is_valid;
}

static void G_NORETURN machine_check(CPUState *cpu, uint64_t pa, uintptr_t retaddr)
{
	CPUX86State *env = cpu->env_ptr;

	fill_bank(env, pa, MCG_STATUS_EIPV);
	cpu->exception_index = EXCP12_MCHK;
	env->error_code = 0;
	env->exception_is_int = 0;
	env->exception_next_eip = 0;
	cpu_loop_exit_restore(cpu, retaddr);
}

/* No instruction of this CPU is the cause. */
static void async_machine_check(CPUState *cpu, run_on_cpu_data pa)
{
	fill_bank(cpu->env_ptr, pa.target_ptr, 0);
	cpu_interrupt(cpu, CPU_INTERRUPT_MCE);
}

static uint64_t pa_of(const struct frame *frame, ram_addr_t addr)
{
	return ((uint64_t)frame->pfn << TDX_HOST_PAGE_BITS) | (addr & (PAGE - 1));
}

/*
 * Report a store to an owned page, or to @lines that MOVDIR64B must write first.  Of each page,
 * the first store is logged.  Without @cpu, no instruction stores.  Return true if a machine
 * check follows.
 */
static bool check_store(struct frame *frame, uint64_t lines, const char *what, uint64_t pa,
			uint64_t size, CPUState *cpu, uintptr_t retaddr)
{
	bool owned = frame->state == TDX_HOST_OWNED;
	uint64_t *nr = owned ? &tdx_host.nr_stores : &tdx_host.nr_partial;

	if (frame->state == TDX_HOST_DIRTY)
		arm(frame);
	if (!owned && !(frame->partial & lines))
		return false;
	if (!(*nr)++)
		*(owned ? &tdx_host.store_pa : &tdx_host.partial_pa) = pa;
	if (!frame->logged && is_logged(++tdx_host.nr_pages))
		tdx_host_log("%s%s to %s: %" PRIu64 " bytes, PA 0x%" PRIx64 ", RIP 0x%" PRIx64 "%s",
			     owned ? "" : "partial ", what,
			     owned ? "an owned page" : "a private line", size, pa,
			     cpu ? guest_rip(cpu->env_ptr, retaddr) : 0,
			     tdx_host.machine_check ? ", machine check" : "");
	frame->logged = true;
	return tdx_host.machine_check;
}

/* A CPU stores to a page.  Return true if later stores must be seen, too. */
bool tdx_host_store(CPUState *cpu, ram_addr_t addr, vaddr va, unsigned int size, uintptr_t retaddr)
{
	uint64_t line = 1ULL << (addr & (PAGE - 1)) / LINE;
	/* After a MOVDIR64B that faulted, the address is that of an earlier call. */
	bool whole = (va & ~(vaddr)(LINE - 1)) == tdx_host_whole_line &&
		     retaddr == tdx_host_whole_retaddr;
	struct frame *frame;
	bool check;
	uint64_t pa;

	if (!tdx_host_watches(addr))
		return false;

	tdx_host_lock();
	frame = &frames[addr >> TDX_HOST_PAGE_BITS];
	pa = pa_of(frame, addr);
	/*
	 * A page walk probes each of its tables for a store, at the table's PA.  Only
	 * tdx_host_walk_store() is a store.
	 */
	if (!retaddr && va == pa) {
		if (frame->state == TDX_HOST_OWNED && !tdx_host.nr_walks++)
			tdx_host_log("first page walk through an owned page: PA 0x%" PRIx64, pa);
		tdx_host_unlock();
		return true;
	}
	if (whole)
		frame->partial &= ~line;
	if (whole && va == tdx_host_whole_line && frame->state)
		tdx_host.nr_early_lines++;
	check = check_store(frame, line, "store", pa, size, cpu, retaddr);
	tdx_host_unlock();

	if (check)
		machine_check(cpu, pa, retaddr);
	return tdx_host_watches(addr);
}

/* The lines of a page that @size bytes from @addr touch or, with @whole, fill; one bit each */
static uint64_t lines_of(ram_addr_t addr, uint64_t size, bool whole)
{
	uint64_t start = addr & (PAGE - 1), rest = whole ? LINE - 1 : 0;
	unsigned int first = (start + rest) / LINE;
	unsigned int end = (start + size + LINE - 1 - rest) / LINE;

	return first < end ? MAKE_64BIT_MASK(first, end - first) : 0;
}

/* What no instruction of this CPU has stored, to a part of a page */
static void other_store(ram_addr_t addr, uint64_t size, const char *what)
{
	struct frame *frame;
	uint64_t pa;
	bool check;

	if (own_store || !tdx_host_watches(addr))
		return;
	tdx_host_lock();
	frame = &frames[addr >> TDX_HOST_PAGE_BITS];
	pa = pa_of(frame, addr);
	/* The other lines are written in part. */
	frame->partial &= ~lines_of(addr, size, true);
	check = check_store(frame, lines_of(addr, size, false), what, pa, size, NULL, 0);
	tdx_host_unlock();

	if (check)
		async_run_on_cpu(current_cpu ?: first_cpu, async_machine_check,
				 RUN_ON_CPU_TARGET_PTR(pa));
}

/* A device has stored. */
void tdx_host_device_store(ram_addr_t addr, uint64_t size)
{
	while (size) {
		uint64_t part = MIN(size, PAGE - (addr & (PAGE - 1)));

		other_store(addr, part, "store of a device");
		addr += part;
		size -= part;
	}
}

/* A page walk sets bits of an entry: accessed or dirty. */
void tdx_host_walk_store(uint64_t pa)
{
	struct frame *frame = frame_of(pa >> TDX_HOST_PAGE_BITS);

	if (frame)
		other_store((frame - frames) * PAGE + (pa & (PAGE - 1)), sizeof(uint32_t),
			    "store of a page walk");
}

static void print_totals(Notifier *notifier, void *data)
{
	tdx_host_log("%" PRIu64 " SEAMCALLs, %" PRIu64 " stores to owned pages, %" PRIu64
		     " partial stores to private lines, on %" PRIu64 " pages; %" PRIu64
		     " late write-backs; %" PRIu64
		     " page walks through owned pages; the module is %s", tdx_host.nr_calls,
		     tdx_host.nr_stores, tdx_host.nr_partial, tdx_host.nr_pages,
		     tdx_host.nr_write_backs, tdx_host.nr_walks, tdx_module_is_on() ? "on" : "off");
}

static int find_end(RAMBlock *block, void *end)
{
	*(ram_addr_t *)end = MAX(*(ram_addr_t *)end,
				 qemu_ram_get_offset(block) + qemu_ram_get_used_length(block));
	return 0;
}

/* TDX_HOST=name=number,...: the first fields of struct tdx_host.  TDX_HOST_LOG: a file. */
static void read_environment(void)
{
	static const char *const names[] = { "seed", "delay", "mce", "interrupt", "busy" };
	const char *path = getenv("TDX_HOST_LOG");
	char **settings = g_strsplit(getenv("TDX_HOST") ?: "", ",", 0);

	log_file = path ? fopen(path, "w") : stderr;
	if (!log_file) {
		perror(path);
		exit(1);
	}
	for (char **s = settings; *s; s++) {
		const char *number = strchr(*s, '=');
		size_t i = 0;

		while (i < ARRAY_SIZE(names) && !(number && strlen(names[i]) == number - *s &&
						  g_str_has_prefix(*s, names[i])))
			i++;
		if (i == ARRAY_SIZE(names)) {
			fprintf(stderr,
				"TDX_HOST: %s: must be seed, delay, mce, interrupt or busy, =, number\n",
				*s);
			exit(1);
		}
		(&tdx_host.seed)[i] = strtoull(number + 1, NULL, 0);
	}
	g_strfreev(settings);
}

/* Called by the first instruction that needs it */
void tdx_host_init(unsigned int phys_bits, bool has_erratum)
{
	static gsize done;
	static Notifier at_exit = { .notify = print_totals };
	ram_addr_t end = 0;

	if (!g_once_init_enter(&done))
		return;
	read_environment();
	erratum = has_erratum;
	qemu_mutex_init(&lock);
	armed = g_array_new(false, false, sizeof(size_t));
	changed = g_array_new(false, false, sizeof(uint64_t));
	timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, write_back, NULL);
	qemu_ram_foreach_block(find_end, &end);
	frames = g_new0(struct frame, end >> TDX_HOST_PAGE_BITS);
	nr_frames = end >> TDX_HOST_PAGE_BITS;
	qemu_add_exit_notifier(&at_exit);
	/* With the hole below 4 GiB */
	tdx_module_init(end + (4ULL << 30), phys_bits);
	g_once_init_leave(&done, 1);
}
