"""Runs in a fresh interpreter, between the runner and the untrusted program: shut in, then exec.

Reads one marshalled `Payload` from the descriptor named on its command line, enters namespaces
of its own where it is told to, writes the program's files, sets its limits and becomes the
program. Words on the second descriptor tell the runner how far it came: `started`, or the reason
why not. Imports only what an interpreter without `site` has at hand, since every run pays for it.
"""

from __future__ import annotations

import marshal
import os
import resource
import sys

# Importing `typing` would double the start-up time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from recipe_runner.isolation.payload import Jail, Payload

# Linux's own numbers: <sched.h>, <sys/mount.h>, <linux/prctl.h>, <linux/mount.h>
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MS_RELATIME, ST_RELATIME = 1 << 21, 4096
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
CAPABILITY_VERSION_3 = 0x20080522
NOBODY = 65534


def main(payload_fd: int, status_fd: int) -> None:
    os.set_inheritable(status_fd, False)
    with open(payload_fd, "rb") as file:
        payload: Payload = marshal.load(file)
    try:
        if payload["jail"] is not None:
            enter(payload["jail"])
        become(payload, status_fd)
    except OSError as error:
        os.write(status_fd, str(error).encode("utf-8", "replace"))
        os._exit(1)


def become(payload: Payload, status_fd: int) -> None:
    """Write the program's files, take on its limits and become it."""
    os.chdir(payload["directory"])
    for path, content in payload["files"].items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "xb") as file:
            file.write(content)
    _feed(payload["stdin"])
    for number, limit in payload["limits"]:
        ceiling = resource.getrlimit(number)[1]
        lowered = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
        resource.setrlimit(number, (lowered, lowered))
    os.write(status_fd, b"started")
    os.execve(payload["argv"][0], payload["argv"], payload["environment"])


def _feed(stdin: bytes) -> None:
    """Put standard input into a file without a name, so that nobody has to stay and feed it."""
    with open(".stdin", "xb") as file:
        file.write(stdin)
    source = os.open(".stdin", os.O_RDONLY)
    os.unlink(".stdin")
    os.dup2(source, 0)


def enter(jail: Jail) -> None:
    """Go on as an unprivileged process in namespaces of its own; return in that process alone.

    The process that calls this stays behind, waits and ends as the program ended.

    Raises:
        OSError: if the kernel refuses a step; the message names it.
    """
    libc = Libc()
    is_nobody = _enter_namespaces(libc)
    _end_with_parent(libc)
    child = os.fork()
    if child:
        _end_like(child)
    _build_root(libc, jail)
    _give_up_rights(libc, is_nobody=is_nobody)
    program = os.fork()
    if program:
        _reap_until(program)


class Libc:
    """The system calls that Python 3.11 has no name for; each raises OSError with its own name."""

    def __init__(self) -> None:
        import ctypes

        self._ctypes = ctypes
        self._libc = ctypes.CDLL(None, use_errno=True)

    def call(self, name: str, *arguments: int | bytes | None) -> None:
        ctypes = self._ctypes
        converted = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
        if getattr(self._libc, name)(*converted) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{name}: {os.strerror(code)}")

    def mount(
        self, source: str | None, target: str, kind: str | None, flags: int, options: str = ""
    ) -> None:
        encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
        try:
            self.call("mount", *encoded, flags, options.encode() or None)
        except OSError as error:
            raise OSError(
                error.errno, f"mounting {target}: {os.strerror(error.errno or 0)}"
            ) from error


def _enter_namespaces(libc: Libc) -> bool:
    """Unshare everything; return whether the user `nobody` exists inside.

    Root can map a user other than its own, and does, since the kernel spares root the limit on
    processes; whoever else maps only themselves.
    """
    uid, gid = os.geteuid(), os.getegid()
    helper = _start_mapper() if uid == 0 else None
    everything = (
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET
        | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
    )  # fmt: skip
    libc.call("unshare", everything)
    if helper is not None and helper():
        return True
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{NOBODY} {uid} 1")
    _write("/proc/self/gid_map", f"{NOBODY} {gid} 1")
    return False


def _start_mapper() -> Callable[[], bool]:
    """Fork a process that maps root and nobody from outside, once it is called."""
    caller = os.getpid()
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(wait, 1)
        try:
            for name in ("uid_map", "gid_map"):
                _write(f"/proc/{caller}/{name}", f"0 0 1\n{NOBODY} {NOBODY} 1")
        except OSError:
            os._exit(1)
        os._exit(0)
    os.close(wait)

    def map_users() -> bool:
        os.close(go)
        return os.waitpid(child, 0)[1] == 0

    return map_users


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _build_root(libc: Libc, jail: Jail) -> None:
    """Make a file system of the jail's paths the root, and let go of the machine's."""
    root = jail["root"]
    libc.mount(None, "/", None, MS_REC | MS_PRIVATE)
    _forbid_nested_namespaces()
    libc.mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755")
    for path in jail["binds"]:
        _bind(libc, path, root + path, MS_NOSUID | MS_NODEV)
    for path in jail["hidden"]:
        libc.mount("tmpfs", root + path, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0755")
    for source, target in jail["inside_hidden"]:
        _bind(libc, source, root + target, MS_NOSUID | MS_NODEV)
    for path in jail["devices"]:
        _bind(libc, path, root + path, MS_NOSUID)
    os.mkdir(root + "/box")
    options = f"size={jail['space']},nr_inodes=4096,mode=0777"
    libc.mount("tmpfs", root + "/box", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)
    for path, target in jail["links"]:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(target, root + path)
    libc.mount(None, root, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(root)
    libc.call("pivot_root", b".", b".")
    libc.call("umount2", b".", MNT_DETACH)
    os.chdir("/")
    libc.call("sethostname", b"box", 3)


def _forbid_nested_namespaces() -> None:
    """A program has no use for user namespaces, and the kernel's faults are found there."""
    try:
        _write("/proc/sys/user/max_user_namespaces", "0")
    except OSError:
        return  # /proc/sys is read-only in containers; the jail holds without this


def _bind(libc: Libc, source: str, target: str, flags: int) -> None:
    """Show a file or directory of the machine, read-only."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    libc.mount(source, target, None, MS_BIND | MS_REC)
    # A mount that came from outside may lose none of the flags that it has.
    had = os.statvfs(target).f_flag
    kept = had & (MS_NOSUID | MS_NODEV | MS_NOEXEC | 1024 | 2048)
    kept |= MS_RELATIME if had & ST_RELATIME else 0
    libc.mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | flags | kept)


def _give_up_rights(libc: Libc, *, is_nobody: bool) -> None:
    for capability in range(64):
        try:
            libc.call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:
            break  # past the last capability that this kernel knows
    if is_nobody:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    header = CAPABILITY_VERSION_3.to_bytes(4, sys.byteorder) + bytes(4)
    libc.call("capset", header, bytes(24))
    libc.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _end_with_parent(libc)  # now, since the change of user has cleared it


def _end_with_parent(libc: Libc) -> None:
    """Be killed when the parent is; a namespace whose first process is killed ends as a whole."""
    libc.call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _end_like(child: int) -> None:
    os._exit(_exit_code(os.waitpid(child, 0)[1]))


def _reap_until(program: int) -> None:
    """Be the namespace's init: when it ends, the kernel ends whatever else is left in there."""
    while True:
        pid, status = os.wait()
        if pid == program:
            os._exit(_exit_code(status))


def _exit_code(status: int) -> int:
    """Return the shell's exit code: 128 + N where signal N ended the program."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
