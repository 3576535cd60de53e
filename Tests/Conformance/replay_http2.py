#!/usr/bin/env python3
"""replay.py over HTTP/2: the same cases and options, with curl as the client.

Over https by ALPN, over http with prior knowledge. An answer in another version of HTTP fails its case.
"""
import http.client, json, os, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import replay


class Connection:
    """What replay.py closes; ends curl, and with it the stream."""

    def __init__(self, process):
        self.process, self.sock = process, self

    def shutdown(self, how):
        self.process.kill()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Answer:
    """What replay.py reads of an answer: its head is read here, its body as it comes."""

    def __init__(self, process):
        self.process, self.out = process, process.stdout
        self.status = 100
        while self.status < 200:
            line = self.out.readline().decode("latin-1").split()
            if not line or line[0] != "HTTP/2":
                raise http.client.HTTPException("no answer over HTTP/2: %r, curl ended with %s" % (line, process.poll()))
            self.status, self.headers = int(line[1]), []
            while True:
                line = self.out.readline().decode("latin-1").rstrip("\r\n")
                if not line:
                    break
                name, value = line.split(":", 1)
                self.headers.append((name, value.strip()))

    def getheaders(self):
        return self.headers

    def readline(self):
        return self.out.readline()

    def read(self):
        raw = self.out.read()
        if self.process.wait() != 0:
            raise http.client.HTTPException("curl ended with %d" % self.process.returncode)
        return raw


class HTTP2Server(replay.Server):
    def __init__(self, url, token=None, cafile=None):
        super().__init__(url, token, cafile)
        self.url, self.cafile = url, cafile

    def open(self, method, path, body=None, headers=None, timeout=30):
        wanted = {k.lower(): v for k, v in (headers or {}).items() if v is not None}
        if self.token:
            wanted.setdefault("authorization", "Bearer " + self.token)
        command = ["curl", "-sSN", "--globoff", "--path-as-is", "-D", "-", "--http2" if self.tls else "--http2-prior-knowledge"]
        command += ["--cacert", self.cafile] if self.cafile else ["--insecure"]
        command += ["--head"] if method == "HEAD" else ["-X", method]
        if body is not None:
            wanted.setdefault("content-type", "application/json")
            command += ["--data-binary", "@-"]
        # What curl would add, and Python's client does not.
        for name in ("User-Agent", "Accept", "Expect", "Content-Type"):
            if name.lower() not in wanted:
                command += ["-H", name + ":"]
        for name, value in wanted.items():
            command += ["-H", "%s: %s" % (name, value) if value else name + ";"]
        process = subprocess.Popen(command + [self.url + path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if body is not None:
            process.stdin.write(body.encode() if isinstance(body, str) else json.dumps(body).encode())
        process.stdin.close()
        return Connection(process), Answer(process)


replay.Server = HTTP2Server
if __name__ == "__main__":
    sys.exit(replay.main())
