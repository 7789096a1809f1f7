# SPDX-License-Identifier: GPL-2.0
"""Checks whether the TDX module of a machine can be measured.  They read files below a root."""
import os
import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

OK, NO, UNKNOWN, SKIPPED = "ok", "NO", "?", "-"

# A run needs this much memory, for arrays and records, and 1/2048 of all memory for the
# software module.  It must be at most 1/SHARE of the available memory.
RUN_KIB, SHARE = 96 << 10, 8
# All modules that a run may load, each after those that it uses
DESIGN_MODULES = ("tdx_designs", "tdx_v2", "tdx_descriptor", "tdx_bare_list", "tdx_hpa_list", "tdx_flat", "tdx_floor")
MODULES = ("tdx_seam", "tdx_pa_array", "tdx_seamcall", "tdx_model", *DESIGN_MODULES, "tdx_measure", "tdx_bench")
OLDEST = "6.12"
SIGNED = b"~Module signature appended~\n"
BIOS_ENABLED = "virt/tdx: BIOS enabled"
FAILED = re.compile(r"virt/tdx: (.*(?:fail|not supported|required|not loaded|bug present).*)", re.I)
# Remedies for some of the kernel's reasons
REMEDIES = {"Hibernation": "boot with nohibernate on the kernel's command line",
            "KeyIDs": "give TDX more KeyIDs in the BIOS", "upgrade TDX module": "upgrade it"}


class Machine:
    """The machine whose files are below @root; @kdir is where its headers are."""

    def __init__(self, root: str = "/", uid: int = os.geteuid(), arch: str = platform.machine(),
                 release: str = platform.release(), kdir: str | None = None,
                 modules: dict[str, Path] | None = None) -> None:
        self.root, self.arch, self.release, self.modules = root, arch, release, modules or {}
        self.uid, self.kdir = uid, kdir or f"/lib/modules/{release}/build"

    def path(self, path: str) -> Path:
        return Path(self.root, path.lstrip("/"))

    def read(self, path: str) -> str:
        """The text of a file, stripped; empty if there is none."""
        try:
            return self.path(path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def log(self) -> str:
        """The kernel's log since boot, without lines that were overwritten."""
        if self.root != "/":
            return self.read("dmesg")
        command = "dmesg | grep -q virt/tdx: && dmesg || journalctl -k -b --no-hostname -o cat 2> /dev/null || dmesg"
        return subprocess.run(command, shell=True, capture_output=True, text=True, errors="replace", check=False).stdout

    def field(self, path: str, name: str) -> str:
        """The first line NAME: VALUE of a file."""
        m = re.search(rf"^{name}\s*:\s*(.*)$", self.read(path), re.M)
        return m[1].strip() if m else ""

    def loaded(self) -> list[str]:
        """Names of the loaded modules."""
        return [line.split()[0] for line in self.read("/proc/modules").splitlines()]


class Check(NamedTuple):
    """What was found, and what to do about it."""
    state: str
    found: str
    todo: str = ""


def need(good: Any, found: str, todo: str = "") -> Check:
    return Check(OK, found) if good else Check(NO, found, todo)


def check_headers(m: Machine) -> Check:
    built = m.read(f"{m.kdir}/include/config/kernel.release")
    if m.modules:
        return Check(OK, "not needed, the modules are built")
    if not m.path(f"{m.kdir}/Makefile").exists() or not built:
        return Check(NO, f"none in {m.kdir}", "install those of this kernel (Documentation/hosts.rst), or pass its "
                     "built tree with KDIR=path")
    if built != m.release:
        return Check(NO, f"{m.kdir} is for Linux {built}, this kernel is {m.release}", "pass those of this kernel")
    return Check(OK, m.kdir)


def check_cpu(m: Machine) -> Check:
    if "tdx_host_platform" in m.field("/proc/cpuinfo", "flags").split():
        return Check(OK, "has TDX host mode")
    # A kernel that rejects TDX for a reason of its own does not set the flag.
    if BIOS_ENABLED in m.log():
        return Check(OK, "has TDX host mode, the BIOS has enabled it")
    return Check(NO, "its flags do not include tdx_host_platform", "enable TDX, SEAM loader and private KeyIDs in the "
                 "BIOS, if this CPU has them; and use a kernel with CONFIG_INTEL_TDX_HOST")


def check_enabled(m: Machine) -> Check:
    log, tdx = m.log(), m.read("/sys/module/kvm_intel/parameters/tdx")
    # The first failure of this boot causes the others.
    wrong = FAILED.search(log, max(log.rfind(BIOS_ENABLED), 0))
    if m.path("/sys/devices/faux/tdx_host").exists() or re.search("virt/tdx: (TDX-M|m)odule initialized", log):
        return Check(OK, "initialized")
    if wrong:
        todo = [todo for word, todo in REMEDIES.items() if word in wrong[1]] + ["see Documentation/hosts.rst"]
        return Check(NO, f"the kernel reports: {wrong[1].strip()}", todo[0])
    if tdx == "Y":
        return Check(OK, "kvm_intel has tdx=Y")
    if tdx == "N":
        return Check(NO, "kvm_intel has tdx=N, and the log has no reason",
                     "load kvm_intel with tdx=1 (kvm_intel.tdx=1 on the command line)")
    if "kvm_intel" in m.loaded():
        return Check(NO, "kvm_intel has no parameter tdx", "boot a kernel with CONFIG_KVM_INTEL_TDX (6.16 or newer)")
    return Check(UNKNOWN, "its log was overwritten, and kvm_intel is not loaded", "SEAMCALL will show it")


def check_loading(m: Machine) -> Check:
    if not m.path("/proc/modules").exists():
        return Check(NO, "this kernel has no loadable modules", "boot another")
    if m.read("/proc/sys/kernel/modules_disabled") == "1":
        return Check(NO, "turned off until the next boot (kernel.modules_disabled)", "boot again without that")
    # Lockdown allows reading of debugfs files without write permission.
    lockdown = re.search(r"\[(\w+)\]", m.read("/sys/kernel/security/lockdown"))
    if m.read("/sys/module/module/parameters/sig_enforce") == "Y":
        why = "signatures are enforced"
    elif lockdown and lockdown[1] != "none":
        why = f"the kernel is locked down ({lockdown[1]})"
    else:
        return Check(OK, "not restricted")
    if not m.modules:
        return Check(UNKNOWN, f"{why}: sign the modules after they are built", "see Documentation/hosts.rst")
    if all(path.read_bytes().endswith(SIGNED) for path in m.modules.values()):
        return Check(OK, f"{why}, and the modules are signed")
    return Check(NO, f"{why}, and the modules are not signed", "sign each .ko below "
                 f"{os.path.commonpath(list(m.modules.values()))} with a key that this machine trusts "
                 "(Documentation/hosts.rst) and run again, or turn Secure Boot off")


def check_memory(m: Machine) -> Check:
    total, available = (int(m.field("/proc/meminfo", name).removesuffix(" kB") or 0)
                        for name in ("MemTotal", "MemAvailable"))
    needs, limit = RUN_KIB + total // 2048, available // SHARE
    return need(needs <= limit, f"a run needs {needs >> 10} MiB, one in {SHARE} of the available memory is "
                f"{limit >> 10} MiB", "free some")


CHECKS: dict[str, Callable[[Machine], Check]] = {
    "x86-64": lambda m: need(m.arch == "x86_64", f"this is {m.arch}"),
    "root": lambda m: need(m.uid == 0, f"user {m.uid}", "modules are loaded by root: sudo make ..."),
    "kernel": lambda m: need([*map(int, re.findall(r"\d+", m.release)[:2])] >= [*map(int, OLDEST.split("."))],
                             f"Linux {m.release}", f"boot Linux {OLDEST} or newer"),
    "kernel headers": check_headers, "CPU": check_cpu, "kernel's TDX": check_enabled,
    "module loading": check_loading,
    "debugfs": lambda m: need(" /sys/kernel/debug debugfs " in m.read("/proc/mounts"), "/sys/kernel/debug",
                              "mount -t debugfs none /sys/kernel/debug"),
    "modules of this project": lambda m: need(
        not set(MODULES) & set(m.loaded()), f"loaded: {', '.join(set(MODULES) & set(m.loaded())) or 'none'}",
        "stop their users and unload them (rmmod)"), "memory": check_memory}


def all_checks(m: Machine, simulated: bool) -> dict[str, Check]:
    """All checks, in order."""
    skipped = (check_cpu, check_enabled) if simulated else ()
    return {name: Check(SKIPPED, "not needed: SIMULATED") if check in skipped else check(m)
            for name, check in CHECKS.items()}
