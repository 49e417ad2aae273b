"""Becomes another program that dies with its parent and, if asked, is not root: run by path, never imported.

    python -I -S launch.py PARENT_PID DEATH_SIGNAL GUISE PROGRAM [ARGUMENT...]

GUISE is `self`, `namespace:UID:GID` (root keeps its files and looks like that user to the program, by a user
namespace) or `switch:UID:GID` (really that user, but able to pass closed folders on the way to its own).

A script between the two programs, and not code run after a fork: the kernel forgets the wish to die with the parent
at every change of identity, so the order of the steps matters and must be the same wherever it is started from.
"""

import contextlib
import ctypes
import os
import struct
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
EXIT_REFUSED = 126


def call(name: str, *arguments: int | bytes) -> None:
    """One C library call; raises OSError when the kernel refuses."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def enter_namespace(uid: int, gid: int) -> None:
    """From here on, files of the user who started this look as if they belonged to `uid`, and so does the process."""
    owner, group = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {owner} 1"), ("gid_map", f"{gid} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def switch_user(uid: int, gid: int) -> None:
    """Becomes `uid` for good, keeping only the right to read and pass folders that are closed to others.

    Some containers lack that right and have its bigger brother; with neither, the folders must be open by themselves.
    """
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        with contextlib.suppress(OSError):
            mask = 1 << capability
            header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
            # effective, permitted, inheritable; low word, then the high word
            call("capset", header, struct.pack("=6I", mask, mask, mask, 0, 0, 0))
            call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return


def main() -> None:
    parent, death_signal, guise, *command = sys.argv[1:]
    kind, _, numbers = guise.partition(":")
    try:
        if kind != "self":
            uid, gid = (int(number) for number in numbers.split(":"))
            (enter_namespace if kind == "namespace" else switch_user)(uid, gid)
        if sys.platform == "linux":
            call("prctl", PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != int(parent):
                sys.exit(EXIT_REFUSED)  # the parent died before it could be watched
        os.execv(command[0], command)  # noqa: S606  there is nothing for a shell to do
    except OSError as fault:
        sys.stderr.write(f"can't start {command[0]}: {fault}\n")
        sys.exit(EXIT_REFUSED)


if __name__ == "__main__":
    main()
