#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""test_host.py TREE [NAME...]: test the host's part without a TDX host.

Faked: checks of machines that are made of files.  Modules and Runs: on this kernel, in a
simulation, with the modules in TREE.  Imported: result files.  The last line is
"N passed, N failed".
"""
import contextlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
import checks                               # noqa: E402
from tdxpa import hostfile                             # noqa: E402
import run                                  # noqa: E402
from tdxpa.tests import told                                 # noqa: E402
from checks import NO, OK, UNKNOWN, Machine  # noqa: E402

TREE = ""
RELEASE = "7.3.0-test"
BIOS = "[    1.0] virt/tdx: BIOS enabled: private KeyID range [16, 32)\n"
# Files of Linux 7.3, whose module tdx_host reports the version
GOOD = {
    "proc/cpuinfo": "processor\t: 0\nmicrocode\t: 0x2b000643\nphysical id\t: 0\nflags\t\t: fpu vmx tdx_host_platform\n",
    "proc/meminfo": "MemTotal:       65536000 kB\nMemFree:        60000000 kB\nMemAvailable:   61000000 kB\n",
    "proc/modules": "tdx_host 12288 0 - Live 0x0\nkvm_intel 495616 0 - Live 0x0\nkvm 1 1 kvm_intel, Live 0x0\n",
    "proc/mounts": "debugfs /sys/kernel/debug debugfs rw,nosuid 0 0\n",
    "proc/sys/kernel/modules_disabled": "0\n",
    "sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
    "sys/module/module/parameters/sig_enforce": "N\n",
    "sys/module/kvm/parameters/enable_virt_at_load": "Y\n",
    "sys/module/kvm_intel/parameters/tdx": "Y\n",
    "sys/devices/faux/tdx_host/version": "1.5.16\n",
    f"lib/modules/{RELEASE}/build/Makefile": "",
    f"lib/modules/{RELEASE}/build/include/config/kernel.release": RELEASE + "\n",
    "dmesg": BIOS + "[    2.0] virt/tdx: TDX-Module initialized\n",
}
# Files of a kernel in which kvm_intel initializes TDX
OLDER = {
    "proc/modules": "kvm_intel 495616 0 - Live 0x0\nkvm 1 1 kvm_intel, Live 0x0\n",
    "sys/devices/faux/tdx_host/version": None,
    "dmesg": BIOS + "[   12.0] virt/tdx: module initialized\n",
}
# Files of Linux 7.3 that rejects TDX, although CPU and BIOS have it
HIBERNATES = {
    "proc/cpuinfo": "flags\t\t: fpu vmx\n",
    "proc/modules": OLDER["proc/modules"],
    "sys/devices/faux/tdx_host/version": None,
    "sys/module/kvm_intel/parameters/tdx": "N\n",
    "dmesg": BIOS + "[    1.0] virt/tdx: initialization failed: Hibernation support is enabled\n"
                    "[    2.0] virt/tdx: TDX not supported by the host platform\n",
}
FACTS = {"arch": "x86_64", "release": RELEASE, "uid": 0}


class Faked(unittest.TestCase):
    """Checks of machines that are made of files."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)

    def states(self, changes=None, facts=None, simulated=False, **how):
        """{check: Check} of the good machine with some files changed, or (None) without them."""
        shutil.rmtree(self.root)
        for path, text in {**GOOD, **(changes or {})}.items():
            if text is not None:
                file = Path(self.root) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        machine = Machine(self.root, {**FACTS, **(facts or {})})
        return {c.name: c for c in checks.all_checks(machine, simulated, **how)}

    def expect(self, name, state, words, changes=None, facts=None, **how):
        """Expect @state and @words of one check, OK of the others."""
        found = self.states(changes, facts, **how)
        self.assertEqual(found[name].state, state, found[name].line())
        self.assertIn(words, found[name].line())
        if state == NO:
            self.assertTrue(found[name].todo, "a remedy")
        self.assertNotIn("\n", found[name].line())
        for other, check in found.items():
            if other != name:
                self.assertEqual(check.state, OK, check.line())

    def test_all_is_well(self):
        for check in self.states().values():
            self.assertEqual(check.state, OK, check.line())

    def test_another_architecture(self):
        self.expect("x86-64", NO, "aarch64", facts={"arch": "aarch64"})

    def test_not_root(self):
        self.expect("root", NO, "sudo", facts={"uid": 1000})

    def test_an_old_kernel(self):
        headers = {f"lib/modules/6.11.0/build/{f}": GOOD[f"lib/modules/{RELEASE}/build/{f}"].replace(RELEASE, "6.11.0")
                   for f in ("Makefile", "include/config/kernel.release")}
        self.expect("kernel", NO, "6.12", headers, {"release": "6.11.0"})

    def test_no_headers(self):
        self.expect("kernel headers", NO, "install them", {f"lib/modules/{RELEASE}/build/Makefile": None})

    def test_headers_that_were_not_built(self):
        self.expect("kernel headers", NO, "install them",
                    {f"lib/modules/{RELEASE}/build/include/config/kernel.release": None})

    def test_headers_of_another_kernel(self):
        self.expect("kernel headers", NO, "is for Linux 6.18",
                    {f"lib/modules/{RELEASE}/build/include/config/kernel.release": "6.18.1\n"})

    def test_a_tree_of_ones_own(self):
        self.expect("kernel headers", OK, "/src/linux",
                    {"src/linux/Makefile": "", "src/linux/include/config/kernel.release": RELEASE,
                     f"lib/modules/{RELEASE}/build/Makefile": None}, kdir="/src/linux")

    def test_a_cpu_without_tdx(self):
        self.expect("CPU", NO, "BIOS", {"proc/cpuinfo": "flags\t\t: fpu vmx\n", "dmesg": ""})

    def test_a_flag_is_a_whole_word(self):
        self.expect("CPU", NO, "BIOS", {"proc/cpuinfo": "flags\t\t: fpu no_tdx_host_platform tdx_host_platformx\n", "dmesg": ""})

    def test_no_cpuinfo(self):
        self.expect("CPU", NO, "BIOS", {"proc/cpuinfo": None, "dmesg": ""})

    def test_a_kernel_that_can_hibernate(self):
        found = self.states(HIBERNATES)
        self.assertEqual(found["CPU"].state, OK)
        self.assertEqual(found["kernel's TDX"].state, NO)
        self.assertIn("Hibernation", found["kernel's TDX"].line())
        self.assertIn("nohibernate", found["kernel's TDX"].line())
        self.assertFalse(checks.is_no_host(found.values()), "this is a TDX host")

    def test_the_reason_is_what_failed_first_in_this_boot(self):
        found = self.states({**HIBERNATES, "dmesg": "virt/tdx: module not loaded\n" + BIOS +
                             "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module\n"
                             "virt/tdx: TDX-Module initialization failed (-22)\n"})
        self.assertIn("clobber bug present", found["kernel's TDX"].line())

    def test_a_machine_without_tdx_has_a_log_too(self):
        found = self.states({**HIBERNATES, "dmesg": "virt/tdx: TDX not supported by the host platform\n"})
        self.assertEqual(found["CPU"].state, NO)
        self.assertTrue(checks.is_no_host(found.values()))

    def test_tdx_not_asked_for(self):
        found = self.states({"dmesg": "nothing\n", "sys/devices/faux/tdx_host/version": None,
                             "sys/module/kvm_intel/parameters/tdx": "N\n"})
        self.assertEqual(found["kernel's TDX"].state, NO)
        self.assertIn("tdx=1", found["kernel's TDX"].line())

    def test_a_kvm_without_tdx(self):
        found = self.states({"dmesg": "nothing\n", "sys/devices/faux/tdx_host/version": None,
                             "sys/module/kvm_intel/parameters/tdx": None})
        self.assertEqual(found["kernel's TDX"].state, NO)

    def test_only_the_parameter_tells(self):
        found = self.states({"dmesg": "", "sys/devices/faux/tdx_host/version": None})
        self.assertEqual(found["kernel's TDX"].state, OK)
        self.assertEqual(found["TDX module"].state, UNKNOWN)

    def test_nobody_tells(self):
        found = self.states({"dmesg": "", "sys/devices/faux/tdx_host/version": None, "proc/modules": "ext4 1 0 - Live 0x0\n",
                             "sys/module/kvm_intel/parameters/tdx": None})
        self.assertEqual(found["kernel's TDX"].state, UNKNOWN)

    def test_an_older_kernel_has_another_word_for_it(self):
        found = self.states(OLDER)
        self.assertEqual([c.line() for c in found.values() if c.state != OK], [])

    def test_the_version_is_told(self):
        self.assertIn("1.5.16", self.states()["TDX module"].line())

    def test_vmx_without_kvm_intel(self):
        gone = {"proc/modules": "", "sys/module/kvm_intel/parameters/tdx": None}
        # A kernel that initializes TDX at boot keeps VMX operation on for it.
        self.expect("VMX operation", OK, "the kernel keeps it", gone)
        self.expect("VMX operation", OK, "the kernel keeps it", {**gone, "sys/devices/faux/tdx_host/version": None})
        self.expect("VMX operation", UNKNOWN, "modprobe kvm_intel", {**OLDER, **gone})
        # kvm_intel may be built in.
        self.expect("VMX operation", OK, "kvm_intel keeps it",
                    {**OLDER, "proc/modules": "", "sys/module/kvm_intel/parameters/tdx": "Y\n"})

    def test_vmx_is_off_until_a_guest_runs(self):
        self.expect("VMX operation", UNKNOWN, "enable_virt_at_load",
                    {**OLDER, "sys/module/kvm/parameters/enable_virt_at_load": "N\n",
                     "sys/module/kvm_intel/parameters/tdx": "N\n"})

    def test_kvm_does_not_tell_about_vmx(self):
        self.expect("VMX operation", UNKNOWN, "SEAMCALL will",
                    {**OLDER, "sys/module/kvm/parameters/enable_virt_at_load": None,
                     "sys/module/kvm_intel/parameters/tdx": "N\n"})

    def test_modules_are_disabled(self):
        self.expect("module loading", NO, "modules_disabled", {"proc/sys/kernel/modules_disabled": "1\n"})

    def test_a_kernel_without_modules(self):
        found = self.states({"proc/modules": None})
        self.assertEqual(found["module loading"].state, NO)

    def test_signatures_are_enforced(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        unsigned, signed = Path(folder) / "a.ko", Path(folder) / "b.ko"
        unsigned.write_bytes(b"\x7fELF")
        signed.write_bytes(b"\x7fELF" + checks.SIGNED)
        for how in ({"sys/module/module/parameters/sig_enforce": "Y\n"},
                    {"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"},
                    {"sys/kernel/security/lockdown": "none integrity [confidentiality]\n"}):
            # Nothing can be signed before it is built.
            self.expect("module loading", UNKNOWN, "must be signed", how)
            self.expect("module loading", NO, "not signed", how, modules={"a": unsigned, "b": signed})
            self.expect("module loading", NO, f"below {folder}", how, modules={"a": unsigned, "b": signed})
            self.expect("module loading", OK, "are signed", how, modules={"b": signed})
        self.expect("module loading", OK, "not restricted", {"sys/kernel/security/lockdown": None})

    def test_no_debugfs(self):
        self.expect("debugfs", NO, "mount -t debugfs", {"proc/mounts": "proc /proc proc rw 0 0\n"})

    def test_a_module_is_loaded_already(self):
        self.expect("modules of this project", NO, "tdx_model",
                    {"proc/modules": GOOD["proc/modules"] + "tdx_model 1 0 - Live 0x0\n"})

    def test_too_little_memory(self):
        self.expect("memory", NO, "one in 8", {"proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 100000 kB\n"})

    def test_memory_is_taken_by_its_share(self):
        self.states()
        machine = Machine(self.root, FACTS)
        self.assertEqual(machine.budget(), 61000000 * 1024 // 8)
        # Pages, lists, and the software module's bytes for each page of the machine
        self.assertGreater(machine.needs(12800), 12800 * 4096 + 65536000 // 4 * 2)
        # Donated pages exist at the same time.
        self.assertEqual(machine.needs(12800, 600) - machine.needs(12800), 600 * (4096 + 16))

    def test_holes_in_memory_count(self):
        zones = ("Node 0, zone      DMA\n  pages free 3\n        spanned  4095\n        present  3998\n  start_pfn:           1\n"
                 "Node 0, zone  Movable\n  pages free 0\n        spanned  0\n        present  0\n"
                 "Node 1, zone   Normal\n  pages free 9\n        spanned  1000\n        present  900\n  start_pfn:           50000000\n")
        self.states({"proc/zoneinfo": zones})
        self.assertEqual(Machine(self.root, FACTS).end_page(), 50001000)
        self.states()
        self.assertEqual(Machine(self.root, FACTS).end_page(), 65536000 // 4)

    def test_a_simulation_needs_no_tdx(self):
        found = self.states({"proc/cpuinfo": "flags : fpu\n", "dmesg": "", "sys/module/kvm_intel/parameters/tdx": "N\n",
                             "sys/module/kvm/parameters/enable_virt_at_load": "N\n"}, simulated=True)
        self.assertEqual([c.name for c in found.values() if c.state == NO], [])
        self.assertIn("SIMULATED", found["CPU"].line())

    def test_only_cpu_and_architecture_make_a_host(self):
        self.assertTrue(checks.is_no_host(self.states({"proc/cpuinfo": "flags : fpu\n", "dmesg": ""}).values()))
        self.assertFalse(checks.is_no_host(self.states({"proc/mounts": ""}).values()))


def host(*args, **popen):
    return subprocess.run([sys.executable, "-m", "tdxpa.host_run", *args], capture_output=True, text=True,
                          timeout=400, check=False, **popen)


def state():
    """Modules and debugfs files, which a run must restore."""
    return (sorted(m for m in Machine().loaded() if m.startswith("tdx")),
            sorted(n for n in os.listdir("/sys/kernel/debug") if n.startswith("tdx")))


@contextlib.contextmanager
def warnings_expected():
    """Mark warnings in the kernel's log as expected."""
    Path("/dev/kmsg").write_text("tdx-test: warnings expected", encoding="ascii")
    yield
    Path("/dev/kmsg").write_text("tdx-test: no more warnings expected", encoding="ascii")


def free_pages():
    """Free pages, including per-CPU lists, after dropping caches."""
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    text = Path("/proc/zoneinfo").read_text(encoding="ascii")
    return (sum(map(int, re.findall(r"nr_free_pages +(\d+)", text))) +
            sum(map(int, re.findall(r"^ +count: +(\d+)", text, re.M))))


class Runs(unittest.TestCase):
    """Runs on this kernel."""

    @classmethod
    def setUpClass(cls):
        cls.nothing = ([], [])

    def setUp(self):
        self.out = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.out)
        self.assertEqual(state(), self.nothing)

    def tearDown(self):
        self.assertEqual(state(), self.nothing, "modules and files are left")
        self.assertEqual([p for p in os.listdir(tempfile.gettempdir()) if p.startswith("tdx-host-")], [])
        for name in checks.MODULES:
            subprocess.run(["rmmod", name], stderr=subprocess.DEVNULL, check=False)

    def simulate(self, *args, ns=1000):
        return host("bench", "--modules", TREE, "--out", str(self.out), "--quick", "--simulate", str(ns), *args)

    def files(self):
        return list(self.out.iterdir())

    def test_check_says_that_this_is_no_host(self):
        done = host("check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("This machine is not a TDX host", done.stderr)
        self.assertIn("make bench ", done.stderr)
        self.assertIn("NO   CPU", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_bench_is_refused_without_tdx(self):
        done = host("bench", "--modules", TREE, "--out", str(self.out))
        self.assertEqual(done.returncode, 1)
        self.assertIn("checks failed: ", done.stderr)
        self.assertEqual(self.files(), [])

    def make_bench(self, built=None, more=""):
        """Run make bench ENGINE=host in a tree of its own, with the modules of TREE."""
        tree, kernel = self.out / "tree", self.out / "kernel"
        shutil.copytree(TOP / "benchmarks", tree / "benchmarks", ignore=shutil.ignore_patterns("results"))
        shutil.copy(TOP / "Makefile", tree)
        (tree / "benchmarks/host/modules.sh").write_text(f"find {built or TREE} -name '*.ko' | sort\n", encoding="ascii")
        with open(tree / "benchmarks/tdxpa/host_checks.py", "a", encoding="ascii") as f:
            f.write(more)
        (kernel / "include/config").mkdir(parents=True)
        (kernel / "Makefile").touch()
        (kernel / "include/config/kernel.release").write_text(os.uname().release, encoding="ascii")
        return tree, subprocess.run(["make", "bench", "ENGINE=host", "SIMULATE=1000", "QUICK=1", f"KSRC={kernel}"], cwd=tree,
                                    capture_output=True, text=True, check=False)

    def test_simulation(self):
        tree, done = self.make_bench()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("all is as before", done.stderr)
        (file,) = (tree / "build").glob("host-*.json")
        self.assertIn(f"to be sent back: {file}", done.stderr)
        self.assertIn("SIMULATED", file.name)
        data = hostfile.load(file)
        self.assertEqual(data["simulated_wbinvd_ns"], 1000)
        self.assertEqual(data["run"]["command"], "make bench ENGINE=host QUICK=1 SIMULATE=1000")
        text = file.read_text(encoding="ascii")
        for secret in (socket.gethostname(), Path("/etc/machine-id").read_text(encoding="ascii").strip()
                       if Path("/etc/machine-id").exists() else "", str(TOP)):
            if len(secret) > 2 and secret != "(none)":
                self.assertNotIn(secret, text)

        flushes = [r for r in data["records"] if r["kind"] == "lines" and r["what"] == "wbinvd"]
        self.assertEqual({(r["lines"], r["where"]) for r in flushes},
                         {(a, b) for a in ("flushed", "clean", "dirty") for b in ("same", "other")})
        for r in flushes:
            self.assertEqual(len(r["ns"]), 64)
            self.assertGreaterEqual(min(r["ns"]), 1000, "the delay that was asked for")
        # The software module rejects a PA without the KeyID.
        self.assertFalse([r for r in data["records"] if r.get("what") == "wbinvd-key0"])
        cells = {(r["pages"], r["design"]): min(r["ns"]) / r["operations"] for r in data["records"]
                 if r["kind"] == "samples" and r["op"] == "release-flushed"}
        for pages in (1, 512):
            for design in ("v2", "flat", "floor"):
                self.assertGreaterEqual(cells[pages, design], pages * 1000)
        self.assertFalse([r for r in data["records"] if r["kind"] == "samples" and r["op"].startswith("life")
                          and r["behind"] == "module"], "nothing is claimed without CLAIM")

        tables = done.stdout
        heads = [line for line, rule in zip(tables.splitlines(), tables.splitlines()[1:]) if rule.startswith("|--")]
        self.assertEqual(len(heads), 3)
        for head in heads:
            self.assertTrue(head.startswith("| SIMULATED "), head)
        print("\n" + tables, flush=True)

    def test_a_machine_that_enforces_signatures(self):
        """make bench builds, reports unsigned modules, and runs after they are signed."""
        # This kernel accepts any module.
        enforced = ("_word = Machine.word\n"
                    "Machine.word = lambda self, path: 'Y' if path.endswith('/sig_enforce') else _word(self, path)\n")
        _, done = self.make_bench(more=enforced)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("must be signed once they are built", done.stderr)
        self.assertIn(f"sign each .ko below {TREE}", done.stderr)

        shutil.rmtree(self.out / "tree")
        shutil.rmtree(self.out / "kernel")
        built = self.out / "built"
        for path in run.find_modules(TREE).values():
            copy = built / path.relative_to(TREE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes() + checks.SIGNED)
        _, done = self.make_bench(built, enforced)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("and the modules are signed", done.stderr)

    def test_claims_and_donations_are_asked_for(self):
        done = self.simulate("--claim", "0x2000:20", "--donate", "600")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("600 pages donated", done.stderr)
        data = hostfile.load(self.files()[0])
        self.assertIn(" CLAIM=0x2000:20 DONATE=600", data["run"]["command"])
        self.assertEqual([(r["pages"], r["held"]) for r in data["records"] if r["kind"] == "donated"],
                         [(600, 600)])
        claimed = {r["design"] for r in data["records"] if r["kind"] == "samples" and r["behind"] == "module"
                   and r["op"] == "life-control"}
        self.assertEqual(claimed, {"v2", "v2-noclflush", "flat"})

    def test_the_first_unexpected_status_ends_the_run(self):
        # Among the single pages, and in the middle of the releases.
        for nth in ("7", "1500"):
            with warnings_expected():
                done = self.simulate("--fail-at", nth)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("error: leaf 41 returned 0x8000020000000000", done.stderr)
            self.assertIn("all is as before", done.stderr)
            self.assertIn("is leaked until the next boot", done.stderr)
            self.assertEqual(self.files(), [])
            calls = int(re.search(r"after (\d+) SEAMCALLs", done.stderr).group(1))
            self.assertEqual(calls, int(nth), "no SEAMCALL after that")

    def test_a_leaf_that_looks_at_no_page_takes_none(self):
        # Call 4 is TDH.SYS.RD, leaf 34: the order is the same in each run.
        with warnings_expected():
            done = self.simulate("--fail-at", "4")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("error: leaf 34 returned", done.stderr)
        self.assertIn("all is as before", done.stderr)
        self.assertNotIn("is leaked", done.stderr)
        self.assertEqual(self.files(), [])

    def test_a_slow_flush_makes_a_smaller_run(self):
        done = self.simulate(ns=300000)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"a WBINVD takes 3\d\d,\d\d\d ns: arrays of 1 page at most instead of 512\n")
        flushed = {r["pages"] for r in hostfile.load(self.files()[0])["records"]
                   if r["kind"] == "samples" and r["op"] == "release-flushed"}
        self.assertEqual(flushed, {1})

    def test_the_tdx_module_cannot_be_reached(self):
        # Without checks, tdx_seamcall fails to load in the middle of the run.
        script = ("import sys; sys.path.insert(0, sys.argv[1]); sys.argv = ['run.py', *sys.argv[2:]]\n"
                  "import checks, run\n"
                  "checks.all_checks = lambda *a: []\n"
                  "sys.exit(run.main())")
        done = subprocess.run([sys.executable, "-c", script, str(HERE), "bench", "--modules", TREE, "--out",
                               str(self.out), "--quick"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("software cost, no SEAMCALL: done", done.stderr)
        self.assertIn("error: tdx_seamcall does not load: this machine has no TDX", done.stderr)
        self.assertIn("all is as before", done.stderr)

    def start(self, *args):
        return subprocess.Popen([sys.executable, "-m", "tdxpa.host_run", "bench", "--modules", TREE, "--out",
                                 str(self.out), "--simulate", "1000", *args], stderr=subprocess.PIPE, text=True)

    def wait_for(self, module):
        deadline = time.monotonic() + 120
        while module not in Machine().loaded():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def worker_of(self, pid):
        return int(subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.split()[0])

    def test_interruption(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run = self.start()
            self.wait_for("tdx_bench")
            run.send_signal(number)
            _, said = run.communicate(timeout=90)
            self.assertEqual(run.returncode, 1)
            self.assertIn("ended by a signal", said)
            self.assertIn("all is as before", said)
            self.assertEqual(state(), self.nothing)
        self.assertEqual(self.files(), [])

    def test_the_worker_is_killed(self):
        run = self.start()
        self.wait_for("tdx_bench")
        os.kill(self.worker_of(run.pid), signal.SIGKILL)
        _, said = run.communicate(timeout=200)
        self.assertEqual(run.returncode, 1)
        self.assertIn("error: the worker was killed", said)
        self.assertEqual(state(), self.nothing)

    def test_the_watchdog_is_killed(self):
        run = self.start()
        self.wait_for("tdx_bench")
        run.kill()
        run.communicate()
        # The worker unloads and ends, but leaves the directory with its records.
        deadline = time.monotonic() + 60
        while state() != self.nothing:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        for path in Path(tempfile.gettempdir()).glob("tdx-host-*"):
            shutil.rmtree(path)

    def test_time_is_over(self):
        run = self.start("--seconds", "5")
        _, said = run.communicate(timeout=120)
        self.assertEqual(run.returncode, 1)
        self.assertIn("error: not done within 5 s", said)
        self.assertIn("all is as before", said)

    def test_somebody_else_uses_the_modules(self):
        subprocess.run(["insmod", str(Path(TREE) / "benchmarks/seam/tdx_seam.ko")], check=True)
        try:
            done = self.simulate()
            self.assertEqual(done.returncode, 1)
            self.assertIn("loaded already: tdx_seam", done.stderr)
            self.assertIn("tdx_seam", Machine().loaded(), "what is not the run's stays")
        finally:
            subprocess.run(["rmmod", "tdx_seam"], check=True)

    def test_memory_that_is_gone_is_noticed(self):
        def gone(donated):
            script = ("import sys; sys.path[:0] = sys.argv[1:2]\n"
                      "import run\n"
                      "b = run.Before(); b.free_kib += 50 << 10\n"
                      f"print(b.differences(0, {donated}))")
            done = subprocess.run([sys.executable, "-c", script, str(HERE)], capture_output=True, text=True, check=True)
            wrong, kib = re.fullmatch(r"\((.*), (-?\d+)\)\n", done.stdout).groups()
            self.assertEqual(wrong, "[]")
            return int(kib)

        self.assertGreater(gone(0), run.NOISE_KIB)
        # Donated pages are not missing.
        self.assertLess(gone(12800), run.NOISE_KIB // 4)

    def test_a_run_is_kept_although_others_took_memory(self):
        """Also without sbin in the PATH of root."""
        script = ("import sys; sys.path.insert(0, sys.argv[1]); sys.argv = ['run.py', *sys.argv[2:]]\n"
                  "import run\n"
                  "init = run.Before.__init__\n"
                  "def more(self): init(self); self.free_kib += 100 << 10\n"
                  "run.Before.__init__ = more\n"
                  "sys.exit(run.main())")
        done = subprocess.run([sys.executable, "-c", script, str(HERE), "bench", "--modules", TREE, "--out",
                               str(self.out), "--quick", "--simulate", "1000"], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"afterwards: [\d,]+ KiB of memory are missing")
        self.assertEqual(len(self.files()), 1)

    def test_what_nobody_has_thought_of_is_said(self):
        script = ("import sys; sys.path.insert(0, sys.argv[1]); sys.argv = ['run.py', *sys.argv[2:]]\n"
                  "import run\n"
                  "def full(*a): raise OSError(28, 'No space left on device')\n"
                  "run.Worker.keep = full\n"
                  "sys.exit(run.main())")
        done = subprocess.run([sys.executable, "-c", script, str(HERE), "bench", "--modules", TREE, "--out",
                               str(self.out), "--quick", "--simulate", "1000"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("\nerror: OSError: [Errno 28] No space left on device\n", done.stderr)
        self.assertIn("all is as before", done.stderr)

    def test_the_watchdog_is_not_stopped(self):
        run = self.start("--quick")
        self.wait_for("tdx_bench")
        run.send_signal(signal.SIGTSTP)
        _, said = run.communicate(timeout=200)
        self.assertEqual(run.returncode, 0, said)

    def test_more_than_there_is_memory_for(self):
        done = self.simulate("--donate", "1000000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: DONATE=1000000: more than one in 8", done.stderr)

    def test_modules_that_are_not_there(self):
        done = host("bench", "--modules", str(self.out), "--simulate", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("build them", done.stderr)


class Arguments(unittest.TestCase):
    """Arguments of the runner."""

    def test_flushes_have_their_time(self):
        all_pages, smaller = list(run.FLUSH_PAGES), False
        for ns in (0, 200, 2000, 5000, 10000, 20000, 50000, 100000, 1000000):
            pages, repeats = run.flushes_that_fit(all_pages, run.REPEATS, ns, run.FLUSH_SECONDS)
            self.assertEqual(pages, all_pages[:len(pages)], "the largest go")
            self.assertEqual(pages[0], 1)
            self.assertGreaterEqual(repeats, run.LEAST_REPEATS)
            self.assertLess(sum(run.nr_flushes(p, repeats) for p in pages) * ns, run.FLUSH_SECONDS * 10**9)
            # No size goes as long as there are samples to drop.
            self.assertTrue(pages == all_pages or repeats == run.LEAST_REPEATS)
            smaller = smaller or pages != all_pages
            if ns <= 5000:
                self.assertEqual((pages, repeats), (all_pages, run.REPEATS))
        self.assertTrue(smaller)

    def test_a_module_is_quoted_with_what_it_has_just_said(self):
        old, other, new = "[1.0] tdx_bench: of before", "[2.0] usb 1-1: hello", "[3.0] tdx_bench: pages must be"
        for before, after, said in (([old], [old, other, new], "pages must be"), ([old], [old, other], None),
                                    ([], [other, new], "pages must be"),
                                    # The older lines were overwritten.
                                    ([old], [other, new], "pages must be")):
            with mock.patch.object(run, "kernel_log", return_value=after):
                self.assertEqual(run.kernel_says("tdx_bench", before), said)
        with mock.patch.object(run.subprocess, "run", side_effect=FileNotFoundError("dmesg")):
            self.assertIsNone(run.kernel_says("tdx_bench", run.kernel_log()))

    def test_arguments_out_of_range(self):
        for bad in (["--simulate", "1000001"], ["--simulate", "-1"], ["--simulate", "x"], ["--simulate", "1", "--donate", "0"],
                    ["--simulate", "1", "--donate", "1048577"], ["--simulate", "1", "--claim", "5"],
                    ["--simulate", "1", "--claim", "1:513"], ["--simulate", "1", "--claim", "1:0"],
                    ["--simulate", "1", "--claim", "0x100000000:1"], ["--fail-at", "1"], ["--simulate", "1", "--seconds", "0"],
                    ["--donate", "\u0661"]):
            with mock.patch.object(sys, "argv", ["run.py", "bench", "--modules", "none", *bad]), \
                 contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit) as end:
                run.main()
            self.assertEqual(end.exception.code, 2, bad)
            self.assertIn("error: ", said.getvalue().splitlines()[-1])


class Modules(unittest.TestCase):
    """The modules without the runner."""

    def insmod(self, path, *parameters):
        return subprocess.run(["insmod", f"{TREE}/{path}.ko", *parameters], capture_output=True, text=True, check=False)

    def setUp(self):
        for path in ("benchmarks/seam/tdx_seam", "arch/x86/virt/vmx/tdx/tdx_pa_array", "arch/x86/virt/vmx/tdx/tests/tdx_model",
                     "benchmarks/designs/tdx_designs", "benchmarks/designs/tdx_flat"):
            self.assertEqual(self.insmod(path).returncode, 0)

    def tearDown(self):
        for name in reversed(checks.MODULES):
            if name in Machine().loaded():
                subprocess.run(["rmmod", name], check=True)

    def refused(self, path, parameter, error, words):
        done = self.insmod(path, *parameter.split())
        self.assertNotEqual(done.returncode, 0, parameter)
        self.assertIn(error, done.stderr)
        said = [line for line in Machine().log().splitlines() if f"{path.split('/')[-1]}: " in line]
        self.assertIn(words, said[-1])
        self.assertNotIn(path.split("/")[-1], Machine().loaded())

    def test_parameters_of_tdx_measure_out_of_range(self):
        for parameter in ("lines_pages=0", "lines_pages=4097", "wbinvd_ns=1000001", "donate_pages=1048577"):
            self.refused("benchmarks/host/tdx_measure", parameter, "Invalid parameters", "lines_pages must be 1 to 4096")
        self.refused("benchmarks/host/tdx_measure", "donate_pages=1000000", "Cannot allocate memory", "one in 8")
        for parameter in ("lines_pages=x", "wbinvd_ns=-1", "donate_pages=-5"):
            self.assertNotEqual(self.insmod("benchmarks/host/tdx_measure", parameter).returncode, 0)

    def test_parameters_of_tdx_bench_out_of_range(self):
        for parameter in ("repeats=0", "repeats=1002", "sample_us=0", "sample_us=10001"):
            self.refused("benchmarks/bench/tdx_bench", parameter, "Invalid parameters", "repeats must be")
        for parameter in ("pages=0", "pages=1048577"):
            self.refused("benchmarks/bench/tdx_bench", parameter, "Invalid parameters", "pages must be")

    def test_the_watch_restores_the_software_module(self):
        self.assertEqual(self.insmod("benchmarks/host/tdx_measure", "lines_pages=1").returncode, 0)
        subprocess.run(["rmmod", "tdx_measure"], check=True)
        done = self.insmod("benchmarks/bench/tdx_bench", "ops=life-control", "pages=1", "repeats=1", "sample_us=1", "log=N")
        self.assertEqual(done.returncode, 0)
        records = Path("/sys/kernel/debug/tdx_bench").read_text(encoding="ascii")
        self.assertIn('"op": "life-control"', records)
        self.assertIn('{"kind": "end", "errno": 0}', records)

    def test_all_pages_come_back(self):
        host = ["lines_pages=64", "donate_pages=100"]
        bench = ["ops=release-flushed,life-control", "designs=flat", "pages=1,512", "repeats=3", "sample_us=20", "log=N"]
        before = None
        for turn in range(10):
            self.assertEqual(self.insmod("benchmarks/host/tdx_measure", *host).returncode, 0)
            self.assertEqual(self.insmod("benchmarks/bench/tdx_bench", *bench).returncode, 0)
            subprocess.run(["rmmod", "tdx_bench"], check=True)
            subprocess.run(["rmmod", "tdx_measure"], check=True)
            # The first turns fill the slab allocator's caches.
            if turn == 1:
                before = free_pages()
        # Eight turns; each has 128 pages of its own, 100 donated pages, and arrays.
        self.assertLess(before - free_pages(), 8 * 32)

    def test_no_module_is_installed(self):
        subprocess.run(["rmmod", "tdx_flat"], check=True)
        subprocess.run(["rmmod", "tdx_designs"], check=True)
        subprocess.run(["rmmod", "tdx_model"], check=True)
        self.assertEqual(self.insmod("arch/x86/virt/vmx/tdx/tests/tdx_model", "install=N").returncode, 0)
        self.assertEqual(self.insmod("benchmarks/designs/tdx_designs").returncode, 0)
        self.assertEqual(self.insmod("benchmarks/designs/tdx_flat").returncode, 0)
        # Each SEAMCALL fails.
        done = self.insmod("benchmarks/bench/tdx_bench", "ops=life-control", "pages=1", "repeats=1", "log=N")
        self.assertEqual(done.returncode, 0)
        self.assertIn('"kind": "absent"', Path("/sys/kernel/debug/tdx_bench").read_text(encoding="ascii"))


def small_file():
    """A file with a record of each kind."""
    def samples(behind, op, pages, design, ns):
        return {"kind": "samples", "behind": behind, "op": op, "pages": pages, "design": design,
                "operations": 4, "ns": [ns + i for i in range(5)]}

    records = [samples("software", op, pages, design, 1000 * pages) for op in ("create", "cycle")
               for pages in (1, 512) for design in ("v2", "flat", "floor")]
    records += [samples("module", "release-flushed", pages, design, 2000 * pages) for pages in (1, 512)
                for design in ("v2", "flat", "floor")]
    records += [samples("module", "life-control", 20, design, 90000) for design in ("v2", "flat")]
    records += [{"kind": "lines", "behind": "module", "what": what, "lines": lines, "where": where,
                 "ns": [1900, 2000, 2100, 2200]}
                for what in ("wbinvd", "clflush") for lines in ("flushed", "dirty") for where in ("same", "other")]
    records += [{"kind": "metadata", "behind": "software", "design": "flat", "pages": 512, "bytes": 4112},
                {"kind": "absent", "behind": "software", "op": "create", "design": "v2", "pages": 12800, "errno": 12},
                {"kind": "donated", "behind": "module", "pages": 512, "held": 512, "ns": 500000},
                {"kind": "started", "behind": "module", "ns": 700}]
    return {"format": hostfile.FORMAT, "simulated_wbinvd_ns": None, "records": records,
            "run": {"date": "2026-11-23", "command": "make bench ENGINE=host CLAIM=0x1000:20 DONATE=512",
                    "commit": "0123abc", "kernel": "7.3.4", "compiler": "gcc 14.2.0",
                    "cpu": "Intel(R) Xeon(R) 6972P", "microcode": "0x1000405", "packages": 2, "cpus": 384,
                    "module": "2.0.05", "features0": "0x000000800000004f", "erratum": False}}


class Imported(unittest.TestCase):
    """A file that came by mail."""

    def refused(self, words, change=None, raw=None):
        data = small_file()
        if change:
            change(data)
        with self.assertRaises(hostfile.Bad) as caught:
            hostfile.parse(raw if raw is not None else hostfile.dumps(data).encode())
        said = str(caught.exception)
        self.assertIn(words, said)
        self.assertTrue(said.isascii() and said.isprintable() and len(said) < 300, said)

    def test_a_good_one(self):
        data = small_file()
        self.assertEqual(hostfile.parse(hostfile.dumps(data).encode()), data)

    def test_malformed(self):
        for raw, words in ((b"", "not JSON"), (b"hello", "not JSON"), (b"\x7fELF\x02", "not JSON"), (b"\xff\xfe", "not ASCII"),
                           (b"[]", "not an object"), (b"null", "not an object"), (b"{}", "has no format"),
                           (b"[" * 100000, "nested too deeply"),
                           (b'{"a": ' + b"[" * 100000, "nested too deeply"), (b'{"a": 1, "a": 2}', "comes twice"),
                           (b'{"a": NaN}', "not a whole number"), (b'{"a": 1e999}', "not a whole number"),
                           (b'{"a": ' + b"9" * 5000 + b"}", "not a number of a run"),
                           (b" " * (hostfile.MAX_BYTES + 1), "more than 16 MiB")):
            self.refused(words, raw=raw)

    def test_depth(self):
        # Up to the limit of the parser, and beyond.
        whole = hostfile.dumps(small_file()).replace('"Intel(R) Xeon(R) 6972P"', "DEEP")
        for depth in (*range(900, 1100), 5000):
            raw = whole.replace("DEEP", "[" * depth + "]" * depth).encode()
            with self.assertRaises(hostfile.Bad) as caught:
                hostfile.parse(raw)
            self.assertRegex(str(caught.exception), "run.cpu is a list, not|nested too deeply")

    def test_truncated(self):
        whole = hostfile.dumps(small_file()).encode()
        for end in range(0, len(whole) - 2, 61):
            self.refused("not JSON", raw=whole[:end])

    def test_another_format(self):
        self.refused("not one of: tdx-pa-array", lambda d: d.update(format="tdx-pa-array host run 1"))

    def test_unknown_and_missing_fields(self):
        self.refused("unknown field 'host'", lambda d: d["run"].update(host="myhost"))
        self.refused("records is not a list of 1 to", lambda d: d.update(records=[]))
        self.refused("has no ns", lambda d: d["records"][0].pop("ns"))
        self.refused("unknown field", lambda d: d["records"][0].update(note="x"))

    def test_text_that_would_be_markup(self):
        for evil in ("<script>alert(1)</script>", "a | b", "`rm`", "[x](http://y)", "https://evil.example/x", "www.evil.example",
                     "@somebody", "a __b__", "~~c~~", "a\nb", "\u202e", "", "x" * 121, 5, None):
            self.refused("run.cpu is", lambda d, e=evil: d["run"].update(cpu=e))
        self.refused("the command of a run", lambda d: d["run"].update(command="make bench ENGINE=host; rm -rf /"))
        self.refused("run.date", lambda d: d["run"].update(date="yesterday"))
        # Python accepts these as digits.
        for name, value in (("date", "20\u0662\u0666-11-24"), ("module", "2.0.\u0665"), ("features0", "0x\u0664"),
                            ("command", "make bench ENGINE=host DONATE=51\u0662"),
                            ("command", "make bench ENGINE=host SIMULATE=\u0662"),
                            ("command", "make bench ENGINE=host CLAIM=0x1000:\u0662")):
            self.refused(f"run.{name} is", lambda d, n=name, v=value: d["run"].update({n: v}))
        # The name of a processor
        self.assertTrue(hostfile.TEXT.fullmatch("Intel(R) Xeon(R) Platinum 8480+ @ 2.00GHz"))
        self.assertTrue(hostfile.TEXT.fullmatch(hostfile.printable("6.12-a__b @me https://www.x ~~ <b> \u0661")))

    def test_numbers_out_of_range(self):
        for bad in (0, -1, 1.5, True, "5", None, [], 10**13 + 1):
            self.refused("", lambda d, b=bad: d["records"][0].update(ns=[b] * 5))
        self.refused("pages is 0", lambda d: d["records"][0].update(pages=0))
        self.refused("not a list of 1 to 200", lambda d: d["records"][0].update(ns=[1] * 201))
        self.refused("not a list of 1 to 200", lambda d: d["records"][0].update(ns=[]))
        self.refused("erratum is 0", lambda d: d["run"].update(erratum=0))

    def test_names_that_nobody_knows(self):
        self.refused("not one of", lambda d: d["records"][0].update(design="../../etc"))
        self.refused("not one of", lambda d: d["records"][0].update(kind="__class__"))
        self.refused("not one of", lambda d: d["records"][0].update(kind=["samples"]))

    def test_tables_that_cannot_be_made(self):
        self.refused("is a second one", lambda d: d["records"].append(d["records"][0]))
        self.refused("rounds, others", lambda d: d["records"][0]["ns"].pop())
        self.refused("there is no record for", lambda d: d.update(records=[r for r in d["records"] if r.get("op") != "cycle"]))
        self.refused("no record for a WBINVD", lambda d: d.update(records=[r for r in d["records"] if r.get("what") != "wbinvd"]))
        more = [dict(small_file()["records"][0], pages=p) for p in range(2, 300)]
        self.refused("rows of tables", lambda d: d["records"].extend(more))

    def test_what_is_simulated_says_so(self):
        self.refused("contradict", lambda d: d.update(simulated_wbinvd_ns=2000))
        self.refused("contradict", lambda d: d["run"].update(command="make bench ENGINE=host SIMULATE=2000"))

        def other(d):
            d.update(simulated_wbinvd_ns=200)
            d["run"].update(command="make bench ENGINE=host SIMULATE=2000")
        self.refused("contradict", other)

    def test_what_was_asked_for_says_so(self):
        for option in ("CLAIM=0x1000:20 ", "DONATE=512"):
            self.refused(f"contradict each other about {option[:5]}", lambda d, o=option: d["run"].update(
                command=d["run"]["command"].replace(o, "").strip()))
        self.refused("about DONATE", lambda d: d.update(records=[r for r in d["records"] if r["kind"] not in
                                                                 ("donated", "started")]))

    def test_names_of_files_are_harmless(self):
        data = small_file()
        data["run"]["cpu"] = "../../../etc/passwd"
        hostfile.check(data)
        self.assertRegex(hostfile.name(data), r"^host-[a-z0-9-]+\.json$")

    def test_import(self):
        """make import, in a tree of its own."""
        tree = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, tree)
        shutil.copytree(TOP / "benchmarks" / "results", tree / "benchmarks" / "results")
        shutil.copytree(TOP / "benchmarks" / "report", tree / "benchmarks" / "report")
        (tree / "Documentation").mkdir()
        # All pages with figures in them.
        for name in ("README.md", "RESULTS.md", "Documentation/review-evidence.rst"):
            shutil.copy(TOP / name, tree / name)
        before = (tree / "RESULTS.md").read_text(encoding="utf-8")

        def make_import(text):
            file = tree / "mail.json"
            file.write_text(text, encoding="utf-8")
            return subprocess.run([sys.executable, str(tree / "benchmarks/tdxpa/host.py"), "import", str(file), "--top",
                                   str(tree)], capture_output=True, text=True, check=False)

        kept = set((tree / "benchmarks" / "results").iterdir())
        done = make_import("{}")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^error: \S+mail.json: the file has no format\n$")
        self.assertEqual(set((tree / "benchmarks" / "results").iterdir()), kept)
        self.assertEqual((tree / "RESULTS.md").read_text(encoding="utf-8"), before)

        real, simulated = small_file(), small_file()
        simulated["simulated_wbinvd_ns"] = 2000
        simulated["run"]["command"] = "make bench ENGINE=host SIMULATE=2000 CLAIM=0x1000:20 DONATE=512"
        for data in (real, simulated):
            done = make_import(hostfile.dumps(data))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue((tree / "benchmarks" / "results" / hostfile.name(data)).exists())
        after = (tree / "RESULTS.md").read_text(encoding="utf-8")
        section = after[after.index("## TDX hosts"):after.index("## Runs")]
        self.assertIn("### Intel(R) Xeon(R) 6972P, TDX module 2.0.05", section)
        self.assertIn("### SIMULATED on Intel(R) Xeon(R) 6972P", section)
        heads = [line for line, rule in zip(section.splitlines(), section.splitlines()[1:]) if rule.startswith("|--")]
        self.assertEqual(len(heads), 8)
        self.assertEqual(sum(head.startswith("| SIMULATED ") for head in heads), 4)
        # Everything else is as it was.
        self.assertEqual(after.replace(section, ""), before)


def main():
    global TREE
    TREE, names = sys.argv[1], sys.argv[2:]
    ran, failed = told.run(names or ["Faked", "Arguments", "Modules", "Runs"], sys.modules[__name__])
    print(f"{ran - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
