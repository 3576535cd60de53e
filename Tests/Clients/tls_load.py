"""Clients over TLS that come and go while certificates change; prints what they saw as JSON.

usage: tls_load.py PORT CA STOP
They go on until there is a file STOP, two minutes at most.
Eight threads ask for nodes, five requests a connection; half of them resume sessions. Every request must be answered 200 by a certificate that CA has signed.
"""

import hashlib
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time

port, ca, stop, end = int(sys.argv[1]), sys.argv[2], sys.argv[3], time.monotonic() + 120
answered, failures, certificates, lock = 0, [], set(), threading.Lock()


def client(number):
    global answered
    context = ssl.create_default_context(cafile=ca)
    session = None
    while time.monotonic() < end and not os.path.exists(stop):
        try:
            raw = socket.create_connection(("127.0.0.1", port), timeout=10)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(raw, server_hostname="localhost", session=session if number % 2 else None) as wrapped:
                seen = hashlib.sha256(wrapped.getpeercert(True)).hexdigest()
                connection = http.client.HTTPConnection("localhost")
                connection.sock = wrapped
                for _ in range(5):
                    connection.request("GET", "/api/v1/nodes", headers={"Authorization": "Bearer load-token"})
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 200:
                        raise RuntimeError(f"status {answer.status}")
                    with lock:
                        answered += 1
                        certificates.add(seen)
                session = wrapped.session
        except Exception as error:
            with lock:
                failures.append(f"{type(error).__name__}: {error}")


threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"answered": answered, "failures": failures[:5], "failed": len(failures), "certificates": len(certificates)}))
