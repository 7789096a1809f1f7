# SPDX-License-Identifier: GPL-2.0
"""What a machine must have so that its TDX module can be measured.

Nothing here changes anything: files are read.  A machine is looked at below a
root, so that another one than this can be looked at.
"""
import os
import platform
import re
import subprocess

OK, NO, UNKNOWN, SKIPPED = "ok", "NO", "?", "-"

# Of what is available, this share may be taken: 1/SHARE.
SHARE = 8
PAGE = 4096
# The benchmark has arrays of so many pages together, if an array has fewer.
BATCH_PAGES = 2048
# What the software module keeps about each page of the machine, in bytes.
MODEL_BYTES = 2
# Records, samples, code.
FIXED_BYTES = 16 << 20

# All modules that a run may load, in the order of their needs.
MODULES = ("tdx_pa_array", "tdx_seamcall", "tdx_model", "tdx_designs", "tdx_v2", "tdx_descriptor",
           "tdx_bare_list", "tdx_flat", "tdx_floor", "tdx_host", "tdx_bench")
FILES = ("tdx_bench", "tdx_host", "tdx_watch")

OLDEST = (6, 12)


class Machine:
    """This machine, or what of one lies below @root, with @facts instead of system calls."""

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
        """The kernel's log since boot, as far as it is still there."""
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
        """The first CPU's."""
        m = re.search(rf"^{field}\s*:\s*(.*)$", self.read("/proc/cpuinfo") or "", re.M)
        return m.group(1).strip() if m else None

    def available(self):
        """Bytes that are available."""
        m = re.search(r"^MemAvailable:\s*(\d+) kB$", self.read("/proc/meminfo") or "", re.M)
        return int(m.group(1)) * 1024 if m else 0

    def total(self):
        m = re.search(r"^MemTotal:\s*(\d+) kB$", self.read("/proc/meminfo") or "", re.M)
        return int(m.group(1)) * 1024 if m else 0

    def loaded(self):
        """Names of the modules that are loaded."""
        return [line.split()[0] for line in (self.read("/proc/modules") or "").splitlines() if line]

    def budget(self):
        """Bytes that a run may take."""
        return self.available() // SHARE

    def needs(self, pages):
        """Bytes that a run with arrays of @pages takes at the most: pages, and lists of them."""
        return (FIXED_BYTES + self.total() // PAGE * MODEL_BYTES +
                max(pages, BATCH_PAGES) * (PAGE + 2 * 8))


class Check:
    """What was looked for, what was found, and what to do about it."""

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
    # The kernel sets the flag where the BIOS has enabled it.
    return Check("CPU", NO, "no tdx_host_platform among its flags",
                 "enable TDX, SEAM loader and key IDs in the BIOS, if this CPU has them; and use a "
                 "kernel with CONFIG_INTEL_TDX_HOST")


INITIALIZED = re.compile(r"virt/tdx: (TDX-Module|module) initialized", re.I)
FAILED = re.compile(r"virt/tdx: (.*(?:fail|not supported|required|not loaded).*)", re.I)


def tdx_log(m):
    """(initialized, what went wrong or None), from the kernel's log."""
    log = m.log()
    wrong = FAILED.findall(log)
    return bool(INITIALIZED.search(log)), wrong[-1].strip() if wrong else None


def check_enabled(m):
    initialized, wrong = tdx_log(m)
    tdx = m.word("/sys/module/kvm_intel/parameters/tdx")
    if initialized or m.exists("/sys/devices/faux/tdx_host"):
        return Check("kernel's TDX", OK, "initialized")
    if wrong:
        return Check("kernel's TDX", NO, f"the kernel says: {wrong}",
                     "see Documentation/hosts.rst for its causes")
    if tdx == "Y":
        return Check("kernel's TDX", OK, "kvm_intel has tdx=Y")
    if tdx is None and "kvm_intel" in m.loaded():
        return Check("kernel's TDX", NO, "kvm_intel has no parameter tdx",
                     "boot a kernel with CONFIG_KVM_INTEL_TDX or newer than 6.16")
    if tdx == "N":
        return Check("kernel's TDX", NO, "kvm_intel has tdx=N, and the log says nothing",
                     "load kvm_intel with tdx=1 (kvm_intel.tdx=1 on the command line)")
    return Check("kernel's TDX", UNKNOWN, "its log is gone, and kvm_intel is not loaded",
                 "SEAMCALL will tell")


def check_version(m):
    version = m.word("/sys/devices/faux/tdx_host/version")
    if version:
        return Check("TDX module", OK, f"version {version}")
    if tdx_log(m)[0]:
        return Check("TDX module", OK, "loaded; SEAMCALL will tell its version")
    return Check("TDX module", UNKNOWN, "this kernel does not tell its version", "SEAMCALL will")


def check_vmx(m):
    if "kvm_intel" not in m.loaded() and not m.exists("/sys/module/kvm_intel"):
        return Check("VMX operation", NO, "kvm_intel is not loaded, so nobody has turned it on",
                     "modprobe kvm_intel tdx=1")
    at_load = m.word("/sys/module/kvm/parameters/enable_virt_at_load")
    tdx = m.word("/sys/module/kvm_intel/parameters/tdx")
    if at_load == "N" and tdx != "Y":
        return Check("VMX operation", NO, "kvm has enable_virt_at_load=N: off until a guest runs",
                     "load kvm with enable_virt_at_load=1, or kvm_intel with tdx=1")
    if at_load == "Y" or tdx == "Y":
        return Check("VMX operation", OK, "kvm_intel holds it on all CPUs")
    return Check("VMX operation", UNKNOWN, "kvm does not tell", "SEAMCALL will")


SIGNED = b"~Module signature appended~\n"


def all_signed(modules):
    if not modules:
        return False
    for path in modules.values():
        with open(path, "rb") as f:
            if not f.read().endswith(SIGNED):
                return False
    return True


def check_loading(m, modules=None):
    todo = "sign them with a key that this machine trusts, or turn Secure Boot off (Documentation/hosts.rst)"
    if not m.exists("/proc/modules"):
        return Check("module loading", NO, "this kernel has no loadable modules", "boot another")
    if m.word("/proc/sys/kernel/modules_disabled") == "1":
        return Check("module loading", NO, "turned off until the next boot (kernel.modules_disabled)",
                     "boot again without that")
    lockdown = re.search(r"\[(\w+)\]", m.read("/sys/kernel/security/lockdown") or "[none]")
    if lockdown and lockdown.group(1) == "confidentiality":
        return Check("module loading", NO, "the kernel is locked down (confidentiality): no debugfs",
                     "boot without lockdown=confidentiality")
    enforced = m.word("/sys/module/module/parameters/sig_enforce") == "Y"
    if enforced or (lockdown and lockdown.group(1) == "integrity"):
        why = "signatures are enforced" if enforced else "the kernel is locked down (integrity)"
        if all_signed(modules):
            return Check("module loading", OK, f"{why}, and the modules are signed")
        return Check("module loading", NO, f"{why}, and the modules are not signed", todo)
    return Check("module loading", OK, "not restricted")


def check_debugfs(m):
    if re.search(r"^\S+ /sys/kernel/debug debugfs ", m.read("/proc/mounts") or "", re.M):
        return Check("debugfs", OK, "mounted")
    return Check("debugfs", NO, "not mounted", "mount -t debugfs none /sys/kernel/debug")


def check_free_door(m):
    ours = [name for name in m.loaded() if name in MODULES]
    if not ours:
        return Check("modules of this project", OK, "none is loaded")
    return Check("modules of this project", NO, f"loaded already: {', '.join(ours)}",
                 "end what uses them and unload them (rmmod)")


def check_memory(m):
    budget, needs = m.budget(), m.needs(1)
    mib = f"a run takes {needs >> 20} MiB at least, one in {SHARE} of what is available is {budget >> 20} MiB"
    if needs <= budget:
        return Check("memory", OK, mib)
    return Check("memory", NO, mib, "free some")


def all_checks(machine, simulated, kdir=None, modules=None):
    """Every check, in the order in which they make sense."""
    checks = [check_arch(machine), check_root(machine), check_kernel(machine),
              check_headers(machine, kdir, modules)]
    for name, check in (("CPU", check_cpu), ("kernel's TDX", check_enabled),
                        ("TDX module", check_version), ("VMX operation", check_vmx)):
        checks.append(Check(name, SKIPPED, "not needed: SIMULATED") if simulated else check(machine))
    return checks + [check_loading(machine, modules), check_debugfs(machine),
                     check_free_door(machine), check_memory(machine)]


def is_no_host(checks):
    """Is it the machine that lacks TDX, and not its state?"""
    return any(c.state == NO and c.name in ("x86-64", "CPU") for c in checks)
