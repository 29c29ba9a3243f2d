"""Storms against a control socket: greetings for the largest rings, silent connections, reloads.

    python3 storm.py ROOT SOCKET SECONDS UID GID STORM...

It speaks the protocol of docs/abi.md by itself. A process for each STORM (greetings, silence or
reloads) storms below ROOT, as user UID of group GID alone, and all end by themselves after SECONDS;
what a daemon refuses is not counted as a fault here.
"""

import os
import select
import socket
import struct
import sys
import time

MAGIC = int.from_bytes(b"FACTORD\x01", "little")
ABI = 2 << 16
# 1,000 features and 1,024 slots: a request ring just under the limit of 8 MiB.
WIDEST = (1000, 1024)


def message(*words):
    """One message of 32 words."""
    return struct.pack("<32Q", MAGIC, *words, *[0] * (31 - len(words)))


# Name, outputs and class follow the nonce.
HELLO = message(1, ABI, *WIDEST, 7, 0, 0, 0, 0, 2, 0)
RELOAD = message(6, ABI, 1, 0)


def connect(path):
    """A connection, or None when the daemon takes none now."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.setblocking(False)
    try:
        peer.connect(path)
    except OSError:
        peer.close()
        time.sleep(0.001)
        return None
    return peer


def greetings(path, end):
    """Asks for the largest rings and hangs up as soon as they are there."""
    while time.monotonic() < end:
        if peer := connect(path):
            with peer:
                try:
                    peer.send(HELLO)
                    select.select([peer], [], [], 0.2)
                except OSError:
                    pass


def silence(path, end):
    """Connects without a word and hangs up."""
    while time.monotonic() < end:
        if peer := connect(path):
            peer.close()


def reloads(path, end):
    """Asks for reloads on a hundred connections and reads no reply."""
    while time.monotonic() < end:
        peers = [peer for _ in range(100) if (peer := connect(path))]
        for peer in peers:
            try:
                peer.send(RELOAD)
            except OSError:
                pass
        time.sleep(0.2)
        for peer in peers:
            peer.close()


STORMS = {"greetings": greetings, "silence": silence, "reloads": reloads}


def main():
    """Starts the storms and waits for them."""
    root, path, seconds, uid, gid, *names = sys.argv[1:]
    seconds, uid, gid = float(seconds), int(uid), int(gid)
    # The interpreter need be neither there nor theirs.
    os.chroot(root)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    end = time.monotonic() + seconds
    children = []
    for storm in [STORMS[name] for name in names]:
        pid = os.fork()
        if pid == 0:
            storm(path, end)
            os._exit(0)
        children.append(pid)
    faults = sum(os.waitpid(pid, 0)[1] != 0 for pid in children)
    sys.exit(1 if faults else 0)


main()
