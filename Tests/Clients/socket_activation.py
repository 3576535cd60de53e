"""systemd's part of socket activation: holds a listening socket, starts the daemon on it again and again, and counts what its clients see meanwhile.

usage: socket_activation.py PORT RESTARTS DAEMON ARGUMENTS...
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

port, restarts, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(4096)
os.dup2(listener.fileno(), 3, inheritable=True)

good, bad, over = [], [], threading.Event()


def ask():
    """One connection a request, as a client that gives up at the first refusal."""
    while not over.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/version", headers={"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            (good if answer.status == 200 else bad).append(answer.status)
        except Exception as error:  # whatever it is, a client saw it
            bad.append(repr(error))
        finally:
            connection.close()


def start():
    environment = os.environ | {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}
    return subprocess.Popen(
        ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"] + command, pass_fds=(3,), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_until_served():
    """Until the daemon that was started last answers: a debug build takes its time."""
    wanted, deadline = len(good) + 20, time.monotonic() + 30
    while len(good) < wanted and not bad and time.monotonic() < deadline:
        time.sleep(0.01)


clients = [threading.Thread(target=ask) for _ in range(4)]
daemon = start()
for client in clients:
    client.start()
for _ in range(restarts):
    wait_until_served()
    time.sleep(0.5)
    daemon.send_signal(signal.SIGTERM)
    if daemon.wait() != 0:
        bad.append("the daemon ended badly: " + daemon.stderr.read().decode())
    daemon = start()
wait_until_served()
over.set()
for client in clients:
    client.join()
daemon.send_signal(signal.SIGTERM)
daemon.wait()
print(f"answered {len(good)}, failed {len(bad)} {bad[:3]}")
sys.exit(1 if bad or len(good) < 50 * restarts else 0)
