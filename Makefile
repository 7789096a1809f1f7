# SPDX-License-Identifier: GPL-2.0
#
# The face of the project.  `make help` lists the targets.

ENGINES := benchmarks/engines
export CLAIM COMPARE CPUS DONATE ENGINE FILE ICOUNT INIT_ON_ALLOC KDIR KSRC NEWEST QUICK MUTANT SEED SAN SIMULATE STEPS SUITE \
	TOOL V2_MBOX

.DEFAULT_GOAL := help

help:	## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 16
	@echo
	@echo "  KSRC=path     use this kernel source tree instead of Debian's"
	@echo "  ENGINE=qemu   x86-64 in QEMU instead of user-mode Linux"
	@echo "  SAN=1         make test: the kernel of make sanitize"
	@echo "  ICOUNT=1      make bench, compare ENGINE=qemu: count instructions instead of time"
	@echo "  INIT_ON_ALLOC=1  make bench: the kernel zeroes pages on allocation"
	@echo "  KDIR=path     make modules: kernel headers (default: the running kernel's)"
	@echo "  QUICK=1       make bench, compare: a rough table in seconds"
	@echo "  COMPARE=file  make bench: what changed since that run (benchmarks/results/*.json)"
	@echo "  CPUS=2        make test, sanitize: a guest of two CPUs"
	@echo "  SUITE=name    make test, sanitize: only this suite"
	@echo "  SEED=n STEPS=n make fuzz: this walk, this far (default: a million steps)"
	@echo "  MUTANT=text   make mutants: only rules with this text"
	@echo "  TOOL=name     make trace: only this tool"
	@echo "  ENGINE=host   make trace: attach TOOL to the kernel that runs"
	@echo "                make bench: measure on it, with its TDX module"
	@echo "  SIMULATE=ns   make bench ENGINE=host: the software module, ns for each WBINVD"
	@echo "  CLAIM=function:pages  make bench ENGINE=host: sessions on the TDX module itself"
	@echo "  DONATE=pages  make bench ENGINE=host: give the module so many pages, for good"
	@echo "  NEWEST=1      make trace: bpftrace of Debian's unstable release"
	@echo "  V2_MBOX=file  make compare: the thread of the series, by b4 or from lore (.gz, too)"
	@echo "  TDX_CACHE=dir where kernels are kept (default: ~/.cache/tdx-pa-array)"

bench:	## compare the designs: table, RESULTS.md, raw samples
	@bash $(ENGINES)/bench.sh

profile:	## where the instructions of an operation go, by function
	@bash $(ENGINES)/profile.sh

callers:	## the same callers in four designs: lines, branches, ways to go wrong
	@bash $(ENGINES)/callers.sh

size:	## lines and bytes of four designs, and whether flat keeps its limits
	@bash $(ENGINES)/size.sh

plots:	## draw the plots and write RESULTS.md from the kept runs again
	@bash $(ENGINES)/plots.sh

perf-check:	## has an operation become worse, in instructions, than the stored figure?
	@ENGINE=qemu ICOUNT=1 PERF_CHECK=1 QUICK= bash $(ENGINES)/bench.sh

test:	## run every KUnit suite in a real kernel
	@bash $(ENGINES)/test.sh

sanitize:	## the same in a kernel that watches memory, locks and arithmetic
	@SAN=1 bash $(ENGINES)/test.sh

coverage:	## which lines and branches the suites reach
	@bash $(ENGINES)/coverage.sh

faults:	## every leaf, every failure, every design: the fault matrix
	@bash $(ENGINES)/faults.sh

frag:	## fragment memory, then give the module its 50 MiB with every design
	@bash $(ENGINES)/frag.sh

fuzz:	## a random walk through arrays, leaves, faults and releases
	@bash $(ENGINES)/fuzz.sh

compare:	## v2 from the mbox V2_MBOX of its series beside the project's v2 and flat
	@bash $(ENGINES)/compare.sh

compare-test:	## test that with a made-up series
	@bash $(ENGINES)/compare-test.sh

mutants:	## break each rule once and see a test go red
	@bash $(ENGINES)/mutants.sh

trace:	## attach the bpftrace tools to a known workload and check their numbers
	@bash $(ENGINES)/trace.sh

host-check:	## can this machine's TDX module be measured?  Changes nothing
	@bash $(ENGINES)/host.sh check

import:	## check FILE, made by make bench ENGINE=host, and add it to RESULTS.md
	@bash $(ENGINES)/import.sh

host-test:	## test what runs on a TDX host, in a simulation
	@bash $(ENGINES)/host-test.sh

modules:	## build the modules for the headers in KDIR, for a host
	@bash $(ENGINES)/modules.sh

check-headers:	## the same for Debian's kernels, oldest and newest; load them there
	@bash $(ENGINES)/headers.sh

htmldocs:	## Documentation/ as HTML, as the kernel builds its own; no warning
	@bash $(ENGINES)/htmldocs.sh

patches:	## write the design as a series for git am, into build/patches
	@bash $(ENGINES)/patches.sh

check-intree:	## apply the series to a clean kernel; build, check and test each step
	@bash $(ENGINES)/intree.sh

check:	## style, documentation comments, scripts: no error, no warning
	@bash $(ENGINES)/check.sh

clean:	## remove what was built in this tree
	rm -rf build

distclean: clean	## remove the cached kernels, too
	@bash $(ENGINES)/distclean.sh

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*\#\#.*/\1/p' Makefile)
