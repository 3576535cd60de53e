"""What the scripts of this folder share: counted checks, and the nodes they work with.

A script is started as `with_CLIENT.py --server URL [--certificates FOLDER]` on a daemon without nodes. It declares `CHECKS`, ends at the first check that does not hold, and else
closes with "N checks passed", which its test compares with the declaration.
"""

import argparse
import asyncio
import inspect
import logging
import sys
import traceback


class Failed(Exception):
    """A check that did not hold."""


class Checks:
    def __init__(self):
        self.count = 0

    def __call__(self, sentence, found, wanted=True):
        if found != wanted:
            raise Failed(f"{sentence}: wanted {wanted!r}, found {found!r}")
        self.count += 1


def door():
    """Where the daemon answers, and how: `server` and `certificates`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True, help="an address such as http://127.0.0.1:8080")
    parser.add_argument("--certificates", help="for HTTPS, the folder that the daemon's first start made: apiserver.crt, admin.crt, admin.key, kubeconfig")
    return parser.parse_args()


def conclude(work, declared=None):
    """Runs `work(checks, door)`, which may be a coroutine, and ends the process: 0 only if every declared check was made and held. None declared: as many as there are."""
    checks = Checks()
    logging.disable()  # A watch that a client itself cuts off is an error in its log.
    try:
        result = work(checks, door())
        if inspect.isawaitable(result):
            asyncio.run(result)
    except Failed as failure:
        sys.exit(f"after {checks.count} checks: {failure}")
    except Exception:
        traceback.print_exc()
        sys.exit(f"after {checks.count} checks: the client gave up")
    print(f"{checks.count} checks passed")
    sys.exit(0 if declared in (None, checks.count) else f"{declared} checks were declared")


def node(name, **labels):
    """A manifest as a user would write it."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {"podCIDR": "10.1.0.0/24"}}


def ready(status):
    """A patch of the condition that `kubectl get nodes` shows."""
    return {"status": {"conditions": [{"type": "Ready", "status": status, "reason": "Test", "message": ""}]}}
