#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""run.py check | bench --modules DIR: measure on the kernel that runs.

"check" checks whether that is possible, and changes nothing.  "bench" loads modules that
measure, reads their records, and unloads them.

There are two processes.  The worker loads, reads and unloads.  The watchdog ends the
worker after its time, unloads modules that are left, compares the machine with its
state before, and writes the file.
"""
import argparse
import ctypes
import datetime
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tdxpa import host_checks as checks
from tdxpa import hostfile

DEBUGFS = Path("/sys/kernel/debug")
TDX, TESTS = "arch/x86/virt/vmx/tdx", "arch/x86/virt/vmx/tdx/tests"
PLACES = {"tdx_seam": "benchmarks/seam", "tdx_pa_array": TDX, "tdx_model": TESTS, "tdx_seamcall": "benchmarks/host/seamcall",
          "tdx_measure": "benchmarks/host", "tdx_bench": "benchmarks/bench"}

# Seconds for one module to load and measure, and for the whole run
MODULE_SECONDS = 120
ALL_SECONDS = 300
# Seconds of these for the WBINVDs of releases
FLUSH_SECONDS, QUICK_FLUSH_SECONDS = 60, 10
# Seconds to end a process by SIGTERM, and to unload a module that is in use
PATIENCE = 10

SOFTWARE_PAGES = (1, 32, 512, 12800)
FLUSH_PAGES = (1, 2, 8, 32, 128, 512, 1024, 4096, 12800)
REPEATS, QUICK_REPEATS, LEAST_REPEATS = 31, 3, 3
ARRAY = [("tdx_seam", []), ("tdx_pa_array", [])]
RIVALS = ("tdx_v2", "tdx_descriptor", "tdx_bare_list", "tdx_flat", "tdx_floor")

# Taint flags that a run must not set
TAINTS = {4: "machine check", 5: "bad page", 7: "oops", 9: "warning", 14: "soft lockup"}
WARNED = 1 << 9
# KiB that other processes may allocate during a run
NOISE_KIB = 32 << 10


class Stop(Exception):
    """The reason why a run ends early, in one line."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def die_with_parent():
    """Get SIGTERM when the parent dies (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


def find_modules(tree):
    """{name: path} of the modules below @tree."""
    found = {}
    for name in checks.MODULES:
        path = Path(tree) / PLACES.get(name, "benchmarks/designs") / f"{name}.ko"
        if path.exists():
            found[name] = path
    missing = [n for n in checks.MODULES if n not in found]
    if missing:
        raise Stop(f"{tree} lacks {', '.join(missing)}: build them (make modules)")
    return found


# What a run consists of

class Phase:
    """Modules to load with their parameters; @behind names the TDX module that they measure.

    Parameters that depend on the duration of a WBINVD are a function of it, in ns.
    """

    def __init__(self, title, loads, behind):
        self.title, self.loads, self.behind = title, loads, behind


def bench_parameters(ops, designs, pages, quick, more=(), repeats=None):
    return [f"ops={','.join(ops)}", f"designs={','.join(designs)}",
            f"pages={','.join(map(str, pages))}", f"repeats={repeats or (QUICK_REPEATS if quick else REPEATS)}",
            f"sample_us={20 if quick else 100}", "log=N", *more]


FLUSH_DESIGNS = ("v2", "v2-blocks", "flat-v2alloc", "flat", "floor")


def nr_flushes(pages, repeats):
    """Approximate number of WBINVDs of all releases of @pages: each batch runs twice, once of
    these to warm up, and a few rounds more to calibrate."""
    designs = len(FLUSH_DESIGNS) - (2 if pages > 512 else 0)
    batch = max(1, min(256, checks.BATCH_PAGES // pages))
    return designs * batch * pages * 2 * (repeats + 4)


def flushes_that_fit(pages, repeats, ns, seconds):
    """(sizes, repeats) that fit into @seconds if a WBINVD takes @ns: fewer repeats first, then
    fewer sizes."""
    most = seconds * 10**9 // max(int(ns), 1)
    pages = list(pages)
    while repeats > LEAST_REPEATS and sum(nr_flushes(p, repeats) for p in pages) > most:
        repeats -= 1
    while len(pages) > 1 and sum(nr_flushes(p, repeats) for p in pages) > most:
        pages.pop()
    return pages, repeats


def flush_parameters(pages, quick):
    """Parameters of releases with flush, as a function of the duration of a WBINVD."""
    def parameters(ns):
        wanted = QUICK_REPEATS if quick else REPEATS
        fit, repeats = flushes_that_fit(pages, wanted, ns, QUICK_FLUSH_SECONDS if quick else FLUSH_SECONDS)
        less = [f"{repeats} samples instead of {wanted}"] if repeats < wanted else []
        if fit != pages:
            less.append(f"arrays of {fit[-1]:,} page{'s'[:fit[-1] > 1]} at most instead of {pages[-1]:,}")
        if less:
            say(f"  a WBINVD takes {ns:,.0f} ns: {', '.join(less)}")
        return bench_parameters(("release-flushed",), FLUSH_DESIGNS, fit, quick, repeats=repeats)
    return parameters


def plan(args, machine):
    """The phases, with as many pages as the memory allows."""
    donate = args.donate or 0
    if donate and machine.needs(1, donate) > machine.budget():
        raise Stop(f"DONATE={donate}: more than one in {checks.SHARE} of the available memory; donate fewer pages")
    fits = [p for p in sorted({*SOFTWARE_PAGES, *FLUSH_PAGES}) if machine.needs(p, donate) <= machine.budget()]
    left_out = sorted({*SOFTWARE_PAGES, *FLUSH_PAGES} - set(fits))
    if left_out:
        say(f"  left out for lack of memory (at most one in {checks.SHARE} of the available memory): "
            f"{', '.join(map(str, left_out))} pages")
    if args.quick:
        fits = [p for p in fits if p <= 512]
    software = [p for p in SOFTWARE_PAGES if p in fits]
    flush = [p for p in FLUSH_PAGES if p in fits]
    simulated = args.simulate is not None

    designs = [(name, []) for name in ("tdx_designs", *RIVALS)]
    software_bench = bench_parameters(
        ("create", "hand-over", "release", "cycle", "life-control", "life-blob", "life-memory"),
        ("v2", "v2-noclflush", "v2-blocks", "descriptor", "bare-list", "flat-v2alloc", "flat", "floor"),
        software, args.quick)
    phases = [Phase("software cost, no SEAMCALL",
                    [*ARRAY, ("tdx_model", []), *designs, ("tdx_bench", software_bench)],
                    "software")]

    def module(donated):
        """Modules that install the TDX module, and parameters of the watch."""
        if simulated:
            return [("tdx_model", [])], [f"wbinvd_ns={args.simulate}", f"fail_at={args.fail_at or 0}",
                                         f"donate_pages={donated}"]
        return ([("tdx_seamcall", [f"allow_claims={'Y' if args.claim else 'N'}", f"donate_pages={donated}"]),
                 ("tdx_model", ["install=N"])], [f"donate_pages={donated}"])

    def module_phase(title, donated, parameters):
        installs, watch = module(donated)
        watch.append(f"lines_pages={64 if args.quick else 1024}")
        return Phase(title, [*ARRAY, *installs, *designs, ("tdx_measure", watch),
                             ("tdx_bench", parameters)], "module")

    phases.append(module_phase(
        "TDX module: page by page, and release with flush", donate, flush_parameters(flush, args.quick)))
    if args.claim:
        function, pages = args.claim
        phases.append(module_phase(
            "TDX module: sessions of control pages", 0,
            bench_parameters(("life-control",), ("v2", "v2-noclflush", "flat"), [pages], args.quick,
                             [f"func_id={function}"])))
    return phases


# The worker

class Worker:
    """Loads, reads and unloads modules; a signal makes it unload."""

    def __init__(self, modules, out):
        self.modules, self.out, self.child, self.wbinvd_ns = modules, out, None, 0

    def run_insmod(self, name, parameters):
        said_before = kernel_log()
        self.child = subprocess.Popen(["insmod", str(self.modules[name]), *parameters],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, errors="replace",
                                      preexec_fn=die_with_parent)
        try:
            _, error = self.child.communicate(timeout=MODULE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Stop(f"{name} did not load within {MODULE_SECONDS} s") from None
        if self.child.returncode:
            raise Stop(f"{name} does not load: {kernel_says(name, said_before) or error.strip()}")
        self.child = None

    def end_child(self):
        """End insmod: a module that measures ends after a signal."""
        if not self.child or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def keep(self, name, behind):
        """Pass the records of a module to the watchdog."""
        for record in records_of(name):
            print(json.dumps({**record, "behind": behind}), file=self.out, flush=True)
            if record["kind"] == "lines" and record["what"] == "wbinvd":
                self.wbinvd_ns = max(self.wbinvd_ns, statistics.median(record["ns"]))
            if record["kind"] == "end" and record["errno"]:
                raise Stop(stop_reason() or f"{name} ended with {os.strerror(record['errno'])}")

    def run(self, phases):
        for phase in phases:
            start = time.monotonic()
            say(f"  {phase.title}")
            for name, parameters in phase.loads:
                self.run_insmod(name, parameters(self.wbinvd_ns) if callable(parameters) else parameters)
                if (DEBUGFS / name).exists():
                    self.keep(name, phase.behind)
            unload_all()
            say(f"  {phase.title}: done in {time.monotonic() - start:.0f} s")


def records_of(name):
    """The records of a module that measures."""
    text = (DEBUGFS / name).read_text(encoding="ascii")
    for line in text.splitlines():
        yield json.loads(line.partition(f"{name}: ")[2])


def watch_file(name):
    path = DEBUGFS / "tdx_watch" / name
    return int(path.read_text(encoding="ascii"), 0) if path.exists() else 0


def stop_reason():
    """The status that ended the run, or None."""
    status = watch_file("status")
    if not status:
        return None
    return f"leaf {watch_file('leaf')} returned 0x{status:016x}, after {watch_file('calls')} SEAMCALLs"


def kernel_log():
    """The lines of the kernel's log."""
    try:
        return subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace", timeout=20,
                              check=False).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        # Only error messages need it.
        return []


def kernel_says(name, before):
    """The last line of a module in the kernel's log, after the lines @before."""
    lines = kernel_log()
    if before and before[-1] in lines:
        lines = lines[lines.index(before[-1]) + 1:]
    said = re.findall(rf"\b{name}: (.*)$", "\n".join(lines), re.M)
    return said[-1] if said else None


def rmmod(name):
    """Unload a module.  Return False if it is still in use."""
    try:
        return not subprocess.run(["rmmod", name], stderr=subprocess.DEVNULL, check=False, timeout=60).returncode
    except subprocess.TimeoutExpired:
        return False


def unload_all():
    """Unload all modules of this project, the last first; retry those that are in use."""
    deadline = time.monotonic() + PATIENCE
    while True:
        loaded = set(checks.Machine().loaded())
        left = [n for n in reversed(checks.MODULES) if n in loaded]
        if not left:
            return
        if time.monotonic() > deadline:
            raise Stop(f"still in use: {', '.join(left)}; unload them by hand (rmmod)")
        for name in left:
            # It uses those before it.
            if not rmmod(name):
                break
        time.sleep(0.1)


def work(args, modules, phases, out_path):
    """The worker's process."""
    die_with_parent()
    # A process group of its own: only the watchdog gets the terminal's signals.
    os.setpgid(0, 0)

    def ended(number, frame):
        raise Stop("ended by a signal")

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Measure the caches of one CPU.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    with open(out_path, "w", encoding="ascii") as out:
        worker = Worker(modules, out)
        try:
            worker.run(phases)
            return 0
        except Exception as e:              # pylint: disable=broad-except
            # A traceback helps only with errors that are not expected.
            if not isinstance(e, (Stop, OSError)):
                traceback.print_exc()
            why = str(e) if isinstance(e, Stop) else f"{type(e).__name__}: {e}"
            print(json.dumps({"kind": "stopped", "why": why, "kept": watch_file("kept")}), file=out, flush=True)
            return 1
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            worker.end_child()
            unload_all()


# The watchdog

class Before:
    """State of the kernel before a run."""

    def __init__(self):
        self.tainted = int(checks.Machine().word("/proc/sys/kernel/tainted") or 0)
        self.free_kib = free_kib()

    def differences(self, kept, donated):
        """(list of differences, KiB that are missing) after a run that leaked @kept pages and
        donated @donated pages"""
        wrong = [f"module {n} is still loaded" for n in checks.Machine().loaded() if n in checks.MODULES]
        wrong += [f"debugfs has {name}" for name in checks.FILES if (DEBUGFS / name).exists()]
        new = int(checks.Machine().word("/proc/sys/kernel/tainted") or 0) & ~self.tainted
        # The kernel warns of a leaked page.
        new &= ~(WARNED if kept else 0)
        wrong += [f"the kernel is tainted: {what}; see its log" for bit, what in TAINTS.items() if new >> bit & 1]
        # Some pages are freed late.
        for _ in range(20):
            gone = self.free_kib - free_kib() - donated * checks.PAGE // 1024
            if gone < NOISE_KIB // 4:
                break
            time.sleep(0.25)
        return wrong, gone


def free_kib():
    """Memory that is free, or would be without caches, in KiB."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    return sum(int(re.search(rf"^{f}:\s*(\d+) kB$", text, re.M).group(1))
               for f in ("MemFree", "Buffers", "Cached", "SReclaimable"))


def kill_group(pid):
    """Kill processes that the worker left."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_worker(pid):
    """End the worker by SIGTERM, then by SIGKILL."""
    for number, seconds in ((signal.SIGTERM, 2 * PATIENCE + 5), (signal.SIGKILL, 5)):
        os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.05)


ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Used if the worker left no reason
FAILED = "the worker failed"


def watch_over(pid, seconds):
    """Wait for the worker; return why it failed or was ended, or None."""
    why = []
    for number in ENDS:
        signal.signal(number, lambda n, frame: why.append("ended by a signal"))
    # A stopped watchdog would not end the worker.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if not os.WIFEXITED(status):
                return "the worker was killed"
            return FAILED if os.WEXITSTATUS(status) else None
        if why or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    say("  ending the run")
    end_worker(pid)
    return why[0] if why else f"not done within {seconds} s"


def gathered(lines):
    """(records with one record per cell, reason of an early end or None, number of leaked pages)"""
    cells, others, stopped, kept = {}, [], None, 0
    for line in lines:
        try:
            r = json.loads(line)
        except ValueError:
            continue
        if r["kind"] == "sample":
            key = (r["behind"], r["op"], r["pages"], r["design"], r["operations"])
            cells.setdefault(key, []).append(r["ns"])
        elif r["kind"] == "stopped":
            stopped, kept = r["why"], r["kept"]
        elif r["kind"] not in ("progress", "end"):
            others.append(r)
    return [{"kind": "samples", "behind": behind, "op": op, "pages": pages, "design": design,
             "operations": operations, "ns": ns}
            for (behind, op, pages, design, operations), ns in cells.items()] + others, stopped, kept


def about(args, records):
    """Description of the machine, without anything that identifies its owner."""
    from tdxpa.common import commit, compiler, cpu
    machine = checks.Machine()
    module = next(r for r in records if r["kind"] == "module")
    packages = set(re.findall(r"^physical id\s*: (\d+)$", machine.read("/proc/cpuinfo") or "", re.M))
    command = "make bench ENGINE=host" + (" QUICK=1" if args.quick else "")
    if args.simulate is not None:
        command += f" SIMULATE={args.simulate}"
    if args.claim:
        command += " CLAIM={:#x}:{}".format(*args.claim)
    if args.donate:
        command += f" DONATE={args.donate}"
    return {"date": datetime.date.today().isoformat(), "command": command,
            "commit": commit(args.top) or "no commit", "kernel": hostfile.printable(machine.facts["release"]),
            "compiler": compiler(), "cpu": hostfile.printable(cpu()),
            "microcode": machine.cpuinfo("microcode") or "unknown",
            "packages": max(len(packages), 1), "cpus": os.cpu_count(),
            "module": module["version"], "features0": module["features0"], "erratum": module["erratum"]}


def bench(args):
    machine = checks.Machine()
    modules = find_modules(args.modules)
    phases = plan(args, machine)
    before = Before()
    scratch = tempfile.mkdtemp(prefix="tdx-host-")
    out = Path(scratch) / "records"
    out.touch()
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = work(args, modules, phases, out)
        except Exception as e:              # pylint: disable=broad-except
            say(f"error: {e}")
        finally:
            os._exit(status)

    why = None
    try:
        why = watch_over(pid, args.seconds)
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        kill_group(pid)
        try:
            unload_all()
        except Stop as e:
            why = why or str(e)
        records, stopped, kept = gathered(out.read_text(encoding="ascii").splitlines())
        shutil.rmtree(scratch, ignore_errors=True)

    if stopped and why in (None, FAILED):
        why = stopped
    donated = max((r["held"] for r in records if r["kind"] == "donated"), default=0)
    # A simulation takes them back.
    wrong, gone = before.differences(kept, donated if args.simulate is None else 0)
    missed = gone > NOISE_KIB
    said = wrong + [f"{gone:,} KiB of memory are missing; other processes may have allocated them, so run it again"] * missed
    say(f"  afterwards: {'; '.join(said) or 'all is as before'}"
        f" (memory: {-gone:+,} KiB{f', {donated} pages donated' if donated else ''})")
    if kept:
        say("  a page whose flush failed is leaked until the next boot (v2 leaks the whole array); "
            "the kernel's log has a warning")
    if why or wrong:
        raise Stop(why or wrong[0])
    if not any(r["kind"] == "module" for r in records):
        raise Stop("the worker left no records")

    data = {"format": hostfile.FORMAT, "simulated_wbinvd_ns": args.simulate,
            "run": about(args, records), "records": [r for r in records if r["kind"] != "module"]}
    hostfile.check(data)
    return hostfile.write(data, Path(args.out))


def function_and_pages(text):
    """FUNCTION:PAGES, the first in any base."""
    m = re.fullmatch(r"(0[xX][0-9a-fA-F]{1,8}|\d{1,10}):(\d{1,3})", text)
    if not m or not 1 <= int(m.group(2)) <= 512 or int(m.group(1), 0) >= 1 << 32:
        raise argparse.ArgumentTypeError("FUNCTION:PAGES, with 1 to 512 pages, for example 0x1000:20")
    return int(m.group(1), 0), int(m.group(2))


def number_up_to(most, least=1):
    def parse(text):
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a number from {least} to {most}, not {text!r}")
        return int(text)
    return parse


def main():
    # The PATH of root may lack insmod and rmmod.
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("what", choices=("check", "bench"))
    p.add_argument("--top", default=str(Path(__file__).resolve().parent.parent.parent))
    p.add_argument("--kdir", help="headers of this kernel (default: those below /lib/modules)")
    p.add_argument("--modules", help="where the modules were built")
    p.add_argument("--out", default="build", help="where the file goes")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--simulate", type=number_up_to(1000000, 0), metavar="NS",
                   help="measure the software module, where a WBINVD takes NS")
    p.add_argument("--fail-at", type=number_up_to(1 << 31), metavar="N",
                   help="with --simulate: the N-th SEAMCALL fails")
    p.add_argument("--claim", type=function_and_pages, metavar="FUNCTION:PAGES",
                   help="sessions of that many control pages for a device function")
    p.add_argument("--donate", type=number_up_to(1 << 20), metavar="PAGES",
                   help="pages to give to the TDX module for good")
    p.add_argument("--seconds", type=number_up_to(3600), default=ALL_SECONDS, help="for all of it")
    args = p.parse_args()
    if args.fail_at and args.simulate is None:
        p.error("--fail-at is for simulations")

    try:
        modules = find_modules(args.modules) if args.modules else None
        machine = checks.Machine()
        found = checks.all_checks(machine, args.simulate is not None, args.kdir, modules)
        for check in found:
            say(check.line())
        bad = [c for c in found if c.state == checks.NO]
        if bad and checks.is_no_host(found):
            say("  This machine is not a TDX host. Without one, everything except a SEAMCALL can be measured:\n"
                "    make bench                            the designs, in user-mode Linux")
            # A simulation also loads modules.
            if all(c.state != checks.NO for c in checks.all_checks(machine, True, args.kdir, modules)):
                say("    make bench ENGINE=host SIMULATE=2000  this run, on the software module")
        if bad:
            raise Stop(f"{len(bad)} of {len(found)} checks failed: {', '.join(c.name for c in bad)}")
        if args.what == "check":
            say("  all checks passed")
            return 0
        path = bench(args)
    except (Stop, hostfile.Bad) as e:
        say(f"error: {e}")
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
