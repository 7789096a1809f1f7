# SPDX-License-Identifier: GPL-2.0
"""host_run.py [MODULES OUT]: check whether the machine can be measured, then measure.

The checks change nothing.  With MODULES, a directory, it loads modules that measure, reads their records, unloads
them, compares the machine with its state before, and writes OUT.  benchmarks/start.sh has checked the variables of make.
"""
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

from tdxpa import hostfile
from tdxpa.common import commit, compiler, cpu, replace
from tdxpa.host_checks import DESIGN_MODULES, MODULES, NO, Machine, all_checks

TOP = Path(__file__).resolve().parents[2]
DEBUGFS = Path("/sys/kernel/debug")
# Seconds for one module to load and measure, and for all to unload
MODULE_SECONDS, PATIENCE = 120, 10
# Taint flags that a run must not set
TAINTS = {4: "machine check", 5: "bad page", 7: "oops", 9: "warning", 14: "soft lockup"}
WARNED = 9
# By what it measures ("behind" in its records): the modules to load, with their parameters
Plan = dict[str, dict[str, list[str]]]


class Stop(Exception):
    """The reason why a run ends early, in one line."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def find_modules(tree: str) -> dict[str, Path]:
    found = {path.stem: path for path in Path(tree).rglob("tdx_*.ko")}
    if not found.keys() >= set(MODULES):
        raise Stop(f"{tree}: lacks {', '.join(set(MODULES) - found.keys())}; build them (make modules)")
    return {name: found[name] for name in MODULES}


def plan(o: SimpleNamespace) -> Plan:
    def bench(ops: str, designs: str, *pages: int) -> list[str]:
        sizes = ",".join(str(p) for p in pages if p <= 512 or not o.quick)
        return [f"ops={ops}", f"designs={designs}", f"pages={sizes}", f"repeats={3 if o.quick else 31}",
                f"sample_us={20 if o.quick else 100}", "log=N"]

    array: dict[str, list[str]] = {"tdx_seam": [], "tdx_pa_array": []}
    designs: dict[str, list[str]] = dict.fromkeys(DESIGN_MODULES, [])
    module: dict[str, list[str]] = {"tdx_seamcall": [], "tdx_model": ["install=N"]}
    watch = [f"lines_pages={64 if o.quick else 1024}"]
    if o.simulate is not None:
        module = {"tdx_model": []}
        watch += [f"wbinvd_ns={o.simulate}", *o.failure]
    software = bench("create,hand-over,release,cycle,life-control,life-blob,life-memory", "v2,v2-noclflush,v2-blocks,"
                     "descriptor,bare-list,hpa-list,flat-v2alloc,flat,floor", 1, 32, 512, 12800)
    flushes = bench("release-flushed", "v2,v2-blocks,flat-v2alloc,flat,floor", 1, 2, 8, 32, 128, 512, 1024, 4096, 12800)
    return {"software": {**array, "tdx_model": [], **designs, "tdx_bench": software},
            "module": {**array, **module, **designs, "tdx_measure": watch, "tdx_bench": flushes}}


def watch_file(name: str) -> int:
    path = DEBUGFS / "tdx_watch" / name
    return int(path.read_text(encoding="ascii"), 0) if path.exists() else 0


def log_of(name: str) -> list[str]:
    return re.findall(rf"\b{name}: .*$", Machine().log(), re.M)


def insmod(name: str, path: Path, parameters: list[str]) -> None:
    """Load a module.  A signal to this process, which insmod does not get, ends both."""
    before = log_of(name)
    try:
        done = subprocess.run(["setpriv", "--pdeathsig", "TERM", "insmod", str(path), *parameters],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=MODULE_SECONDS, check=False, start_new_session=True)
    except subprocess.TimeoutExpired:
        raise Stop(f"{name} did not load within {MODULE_SECONDS} s") from None
    if done.returncode:
        raise Stop(f"{name} does not load: " + [*log_of(name)[len(before):], done.stderr.strip()][0])


def records_of(name: str) -> list[Any]:
    """The records of a module that measured; raise Stop if it failed."""
    if not (DEBUGFS / name).exists():
        return []
    lines = (DEBUGFS / name).read_text(encoding="ascii").splitlines()
    records = [json.loads(line.partition(f"{name}: ")[2]) for line in lines]
    errno = records[-1]["errno"] if records and records[-1]["kind"] == "end" else 5
    if errno:
        status = watch_file("status")
        raise Stop(f"leaf {watch_file('leaf')} returned {status:#018x}, after {watch_file('calls')} SEAMCALLs"
                   if status else f"{name} ended with {os.strerror(errno)}")
    return records


def unload_all() -> list[str]:
    """Unload all modules of this project, the last first; return those that are still in use."""
    deadline = time.monotonic() + PATIENCE
    while True:
        loaded = Machine().loaded()
        left = [name for name in reversed(MODULES) if name in loaded]
        if not left or time.monotonic() > deadline:
            return left
        subprocess.run(["rmmod", left[0]], stderr=subprocess.DEVNULL, check=False, timeout=60)
        time.sleep(0.05)


def measure(phases: Plan, modules: dict[str, Path]) -> list[Any]:
    # The packages of its imports are installed before the modules are built.
    from tdxpa.runs import gathered
    records: list[Any] = []
    for behind, loads in phases.items():
        say(f"  measuring: {behind}")
        for name, parameters in loads.items():
            insmod(name, modules[name], parameters)
            records += [{**r, "behind": behind} for r in gathered(records_of(name))]
        records.append({"kind": "busy", "calls": watch_file("busy")})
        unload_all()
    return records


def about(o: SimpleNamespace, records: list[Any]) -> dict[str, Any]:
    """Description of the machine, without anything that identifies its owner."""
    machine = Machine()
    module = next(r for r in records if r["kind"] == "module")
    command = "make host WHAT=run" + " QUICK=1" * o.quick
    command += "" if o.simulate is None else f" SIMULATE={o.simulate}"
    packages = set(re.findall(r"^physical id\s*: (\d+)$", machine.read("/proc/cpuinfo"), re.M))
    return {"date": datetime.date.today().isoformat(), "command": command, "commit": commit(TOP),
            "kernel": hostfile.printable(machine.release), "compiler": compiler(), "cpu": hostfile.printable(cpu()),
            "microcode": machine.field("/proc/cpuinfo", "microcode") or "unknown",
            "packages": max(len(packages), 1), "cpus": os.cpu_count(),
            "busy": sum(r["calls"] for r in records if r["kind"] == "busy"),
            "module": module["version"], "features0": module["features0"], "erratum": module["erratum"]}


def run(o: SimpleNamespace, machine: Machine, out: Path) -> None:
    from tdxpa import host

    phases, taints, why, leaked = plan(o), int(machine.read("/proc/sys/kernel/tainted")), "", 0

    def end(number: int, frame: FrameType | None) -> None:
        handle(signal.SIG_IGN)
        raise Stop(f"not done within {o.seconds} s; try QUICK=1" if number == signal.SIGALRM else "ended by a signal")

    def handle(handler: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, handler)

    handle(end)
    signal.alarm(o.seconds)
    # A stopped run would keep its modules.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    # Measure the caches of one CPU.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        records = measure(phases, machine.modules)
    except (Stop, OSError) as e:
        why = str(e)
    finally:
        handle(signal.SIG_IGN)
        leaked = watch_file("kept")
        wrong = [f"module {name} is still loaded; unload it (rmmod)" for name in unload_all()]
    # A leaked page causes a warning.
    new = int(machine.read("/proc/sys/kernel/tainted")) & ~taints & ~(bool(leaked) << WARNED)
    wrong += [f"the kernel is tainted: {what}; see its log" for bit, what in TAINTS.items() if new >> bit & 1]
    say(f"  afterwards: {'; '.join(wrong) or 'all is as before'}")
    if leaked:
        say(f"  {leaked} pages whose flush failed are leaked until the next boot; the kernel's log has a warning")
    if why or wrong:
        raise Stop(why or wrong[0])
    data = {"format": hostfile.FORMAT, "run": about(o, records),
            "records": [r for r in records if r["kind"] not in ("busy", "calls", "progress", "end", "module")]}
    path = out / hostfile.name(data)
    replace({path: hostfile.dumps(data)})
    say(f"  to be sent back: {path} (check it: it should contain no host name and no serial number)")
    print(host.section(data))


def check(o: SimpleNamespace, machine: Machine) -> None:
    found = all_checks(machine, o.simulate is not None)
    for name, c in found.items():
        say(f"  {c.state:<4} {name}: {c.found}" + (f"; {c.todo}" if c.todo else ""))
    bad = [name for name, c in found.items() if c.state == NO]
    if {"x86-64", "CPU"} & set(bad):
        say("  This machine is not a TDX host. Without one, everything except a SEAMCALL can be measured:\n"
            "    make bench                         the designs, in user-mode Linux\n"
            "    make host WHAT=run SIMULATE=2000   this run, on the software module (x86-64 only)")
    if bad:
        raise Stop(f"{len(bad)} of {len(found)} checks failed: {', '.join(bad)}")
    say("  all checks passed")


def main(*arguments: str) -> int:
    # The PATH of root may lack insmod and rmmod.
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    env = {name: text for name, text in os.environ.items() if text}
    # Tests set FAILURE, parameters of tdx_measure in a simulation, and MAX_SECONDS, which is for all of it.
    o = SimpleNamespace(quick="QUICK" in env, simulate=int(env["SIMULATE"]) if "SIMULATE" in env else None,
                        failure=env.get("FAILURE", "").split(), seconds=int(env.get("MAX_SECONDS", 300)))
    try:
        machine = Machine(kdir=env.get("KDIR"), modules=find_modules(arguments[0]) if arguments else None)
        check(o, machine)
        if arguments:
            run(o, machine, Path(arguments[1]))
    except (Stop, OSError, ImportError) as e:
        say(f"error: {e}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
