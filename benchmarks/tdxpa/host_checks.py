# SPDX-License-Identifier: GPL-2.0
"""Checks whether the TDX module of a machine can be measured.

The checks only read files.  They read them below a root, so tests can check
machines that are made of files.
"""
import os
import platform
import re
import subprocess

OK, NO, UNKNOWN, SKIPPED = "ok", "NO", "?", "-"

# A run takes at most 1/SHARE of the available memory.
SHARE = 8
PAGE = 4096
# The benchmark allocates small arrays in batches of this many pages.
BATCH_PAGES = 2048
# Bytes that the software module keeps for each page of the machine
MODEL_BYTES = 2
# Records, samples, code
FIXED_BYTES = 16 << 20

# All modules that a run may load, each after those that it uses
MODULES = ("tdx_seam", "tdx_pa_array", "tdx_seamcall", "tdx_model", "tdx_designs", "tdx_v2", "tdx_descriptor",
           "tdx_bare_list", "tdx_flat", "tdx_floor", "tdx_measure", "tdx_bench")
FILES = ("tdx_bench", "tdx_measure", "tdx_watch")

OLDEST = (6, 12)


class Machine:
    """This machine, or one whose files are below @root, with @facts instead of system calls."""

    def __init__(self, root="/", facts=None):
        self.root = root
        self.facts = facts or {"arch": platform.machine(), "release": platform.release(),
                               "uid": os.geteuid()}

    def path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def exists(self, path):
        return os.path.exists(self.path(path))

    def read(self, path):
        """The text of a file, or None."""
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return None

    def word(self, path):
        text = self.read(path)
        return text.strip() if text is not None else None

    def log(self):
        """The kernel's log since boot, without lines that were overwritten."""
        if self.root != "/":
            return self.read("dmesg") or ""
        for command in (["dmesg"], ["journalctl", "-k", "-b", "--no-hostname", "-o", "cat"]):
            try:
                out = subprocess.run(command, capture_output=True, text=True, errors="replace",
                                     timeout=20, check=False)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if "virt/tdx:" in out.stdout or command[0] == "journalctl":
                return out.stdout
        return ""

    def cpuinfo(self, field):
        """A field of the first CPU."""
        m = re.search(rf"^{field}\s*:\s*(.*)$", self.read("/proc/cpuinfo") or "", re.M)
        return m.group(1).strip() if m else None

    def available(self):
        """Available bytes."""
        m = re.search(r"^MemAvailable:\s*(\d+) kB$", self.read("/proc/meminfo") or "", re.M)
        return int(m.group(1)) * 1024 if m else 0

    def total(self):
        m = re.search(r"^MemTotal:\s*(\d+) kB$", self.read("/proc/meminfo") or "", re.M)
        return int(m.group(1)) * 1024 if m else 0

    def loaded(self):
        """Names of the loaded modules."""
        return [line.split()[0] for line in (self.read("/proc/modules") or "").splitlines() if line]

    def end_page(self):
        """PFN of the end of memory."""
        zones = re.split(r"^Node ", self.read("/proc/zoneinfo") or "", flags=re.M)
        found = (re.search(r"^\s+spanned\s+(\d+)$.*^\s+start_pfn:\s+(\d+)$", z, re.M | re.S) for z in zones)
        return max((int(m.group(1)) + int(m.group(2)) for m in found if m), default=self.total() // PAGE)

    def budget(self):
        """Bytes that a run may allocate."""
        return self.available() // SHARE

    def needs(self, pages, donated=0):
        """Upper limit of the bytes of a run that donates pages and has arrays of @pages."""
        return (FIXED_BYTES + self.end_page() * MODEL_BYTES +
                (max(pages, BATCH_PAGES) + donated) * (PAGE + 2 * 8))


class Check:
    """A requirement, what was found, and what to do about it."""

    def __init__(self, name, state, found, todo=""):
        self.name, self.state, self.found, self.todo = name, state, found, todo

    def line(self):
        return f"  {self.state:<4} {self.name}: {self.found}" + (f"; {self.todo}" if self.todo else "")


def check_arch(m):
    arch = m.facts["arch"]
    if arch == "x86_64":
        return Check("x86-64", OK, arch)
    return Check("x86-64", NO, f"this is {arch}", "TDX hosts are x86-64 machines")


def check_root(m):
    if m.facts["uid"] == 0:
        return Check("root", OK, "yes")
    return Check("root", NO, "not root", "modules are loaded by root: sudo make ...")


def check_kernel(m):
    release = m.facts["release"]
    version = re.match(r"(\d+)\.(\d+)", release)
    if version and tuple(map(int, version.groups())) >= OLDEST:
        return Check("kernel", OK, f"Linux {release}")
    return Check("kernel", NO, f"Linux {release}", "boot Linux {}.{} or newer".format(*OLDEST))


def check_headers(m, kdir=None, modules=None):
    if modules:
        return Check("kernel headers", OK, "not needed, the modules are built")
    kdir = kdir or f"/lib/modules/{m.facts['release']}/build"
    built = m.word(f"{kdir}/include/config/kernel.release")
    if not m.exists(f"{kdir}/Makefile") or built is None:
        return Check("kernel headers", NO, f"none in {kdir}",
                     "install them (Documentation/hosts.rst), or pass the built tree of this kernel "
                     "with KSRC=path")
    if built != m.facts["release"]:
        return Check("kernel headers", NO, f"{kdir} is for Linux {built}, this kernel is "
                     f"{m.facts['release']}", "install those of this kernel")
    return Check("kernel headers", OK, kdir)


def check_cpu(m):
    flags = (m.cpuinfo("flags") or "").split()
    if "tdx_host_platform" in flags:
        return Check("CPU", OK, "has TDX host mode")
    # A kernel that rejects TDX for a reason of its own does not set the flag.
    if BIOS_ENABLED in m.log():
        return Check("CPU", OK, "has TDX host mode, the BIOS has enabled it")
    # The kernel sets the flag if the BIOS enabled TDX.
    return Check("CPU", NO, "its flags do not include tdx_host_platform",
                 "enable TDX, SEAM loader and private KeyIDs in the BIOS, if this CPU has them; and use a "
                 "kernel with CONFIG_INTEL_TDX_HOST")


BIOS_ENABLED = "virt/tdx: BIOS enabled"
# Printed by kernels that initialize the module at boot and keep VMX operation on for it
INITIALIZED_AT_BOOT = "virt/tdx: TDX-Module initialized"
INITIALIZED = ("virt/tdx: module initialized", INITIALIZED_AT_BOOT)
FAILED = re.compile(r"virt/tdx: (.*(?:fail|not supported|required|not loaded|bug present).*)", re.I)
# Remedies for some of the kernel's reasons
REASONS = (("Hibernation", "boot with nohibernate on the kernel's command line"),
           ("KeyIDs", "give TDX more KeyIDs in the BIOS"),
           ("upgrade TDX module", "upgrade it"))


def tdx_log(m):
    """(initialized, reason of a failure or None), from the kernel's log."""
    log = m.log()
    # The first failure causes the others.
    wrong = FAILED.search(log, max(log.rfind(BIOS_ENABLED), 0))
    return any(said in log for said in INITIALIZED), wrong.group(1).strip() if wrong else None


def check_enabled(m):
    initialized, wrong = tdx_log(m)
    tdx = m.word("/sys/module/kvm_intel/parameters/tdx")
    if initialized or m.exists("/sys/devices/faux/tdx_host"):
        return Check("kernel's TDX", OK, "initialized")
    if wrong:
        return Check("kernel's TDX", NO, f"the kernel reports: {wrong}",
                     next((todo for word, todo in REASONS if word in wrong),
                          "see Documentation/hosts.rst for its causes"))
    if tdx == "Y":
        return Check("kernel's TDX", OK, "kvm_intel has tdx=Y")
    if tdx is None and "kvm_intel" in m.loaded():
        return Check("kernel's TDX", NO, "kvm_intel has no parameter tdx",
                     "boot a kernel with CONFIG_KVM_INTEL_TDX, which is 6.16 or newer")
    if tdx == "N":
        return Check("kernel's TDX", NO, "kvm_intel has tdx=N, and the log has no reason",
                     "load kvm_intel with tdx=1 (kvm_intel.tdx=1 on the command line)")
    return Check("kernel's TDX", UNKNOWN, "its log was overwritten, and kvm_intel is not loaded",
                 "SEAMCALL will show it")


def check_version(m):
    version = m.word("/sys/devices/faux/tdx_host/version")
    if version:
        return Check("TDX module", OK, f"version {version}")
    if tdx_log(m)[0]:
        return Check("TDX module", OK, "loaded; SEAMCALL will show its version")
    return Check("TDX module", UNKNOWN, "this kernel does not report its version", "SEAMCALL will show it")


def check_vmx(m):
    # Only SEAMCALL itself shows the state of each CPU.
    if m.exists("/sys/devices/faux/tdx_host") or INITIALIZED_AT_BOOT in m.log():
        return Check("VMX operation", OK, "the kernel keeps it on for TDX, on all CPUs")
    at_load = m.word("/sys/module/kvm/parameters/enable_virt_at_load")
    tdx = m.word("/sys/module/kvm_intel/parameters/tdx")
    if "kvm_intel" not in m.loaded() and not m.exists("/sys/module/kvm_intel"):
        return Check("VMX operation", UNKNOWN, "kvm_intel is not loaded",
                     "SEAMCALL will show it; if it raises #UD: modprobe kvm_intel tdx=1")
    if tdx == "Y" or at_load == "Y":
        return Check("VMX operation", OK, "kvm_intel keeps it on, on all CPUs")
    if at_load == "N":
        return Check("VMX operation", UNKNOWN, "kvm has enable_virt_at_load=N, which turns it on for guests only",
                     "SEAMCALL will show it; if it raises #UD: load kvm_intel with tdx=1")
    return Check("VMX operation", UNKNOWN, "kvm does not report it", "SEAMCALL will show it")


SIGNED = b"~Module signature appended~\n"


def all_signed(modules):
    for path in modules.values():
        with open(path, "rb") as f:
            if not f.read().endswith(SIGNED):
                return False
    return True


def check_loading(m, modules=None):
    if not m.exists("/proc/modules"):
        return Check("module loading", NO, "this kernel has no loadable modules", "boot another")
    if m.word("/proc/sys/kernel/modules_disabled") == "1":
        return Check("module loading", NO, "turned off until the next boot (kernel.modules_disabled)",
                     "boot again without that")
    # Lockdown allows reading of debugfs files without write permission.
    lockdown = re.search(r"\[(\w+)\]", m.read("/sys/kernel/security/lockdown") or "[none]")
    if m.word("/sys/module/module/parameters/sig_enforce") == "Y":
        why = "signatures are enforced"
    elif lockdown and lockdown.group(1) != "none":
        why = f"the kernel is locked down ({lockdown.group(1)})"
    else:
        return Check("module loading", OK, "not restricted")
    if not modules:
        return Check("module loading", UNKNOWN, f"{why}: the modules must be signed once they are built",
                     "Documentation/hosts.rst describes how")
    if all_signed(modules):
        return Check("module loading", OK, f"{why}, and the modules are signed")
    return Check("module loading", NO, f"{why}, and the modules are not signed",
                 f"sign each .ko below {os.path.commonpath(list(map(str, modules.values())))} with a key that this "
                 "machine trusts (Documentation/hosts.rst) and run again, or turn Secure Boot off")


def check_debugfs(m):
    if re.search(r"^\S+ /sys/kernel/debug debugfs ", m.read("/proc/mounts") or "", re.M):
        return Check("debugfs", OK, "mounted")
    return Check("debugfs", NO, "not mounted", "mount -t debugfs none /sys/kernel/debug")


def check_unloaded(m):
    ours = [name for name in m.loaded() if name in MODULES]
    if not ours:
        return Check("modules of this project", OK, "none is loaded")
    return Check("modules of this project", NO, f"loaded already: {', '.join(ours)}",
                 "stop their users and unload them (rmmod)")


def check_memory(m):
    budget, needs = m.budget(), m.needs(1)
    mib = f"a run takes at least {needs >> 20} MiB, one in {SHARE} of the available memory is {budget >> 20} MiB"
    if needs <= budget:
        return Check("memory", OK, mib)
    return Check("memory", NO, mib, "free some")


def all_checks(machine, simulated, kdir=None, modules=None):
    """All checks, in order."""
    checks = [check_arch(machine), check_root(machine), check_kernel(machine),
              check_headers(machine, kdir, modules)]
    for name, check in (("CPU", check_cpu), ("kernel's TDX", check_enabled),
                        ("TDX module", check_version), ("VMX operation", check_vmx)):
        checks.append(Check(name, SKIPPED, "not needed: SIMULATED") if simulated else check(machine))
    return checks + [check_loading(machine, modules), check_debugfs(machine),
                     check_unloaded(machine), check_memory(machine)]


def is_no_host(checks):
    """Does the machine itself lack TDX?"""
    return any(c.state == NO and c.name in ("x86-64", "CPU") for c in checks)
