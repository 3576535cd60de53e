"""A webhook over TLS that knows a few tokens and what their users may do; prints each review that it is asked.

usage: access_webhook.py PORT CERTIFICATE KEY CA
Clients must show a certificate that CA has signed. The token of user NAME is NAME-token. `good` may do everything, `bad` is denied, of others nothing is known.
Lists of audit events are taken. While the file PORT.down is in the current folder, every answer is 503.
"""

import http.server
import json
import os
import ssl
import sys

port, certificate, key, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        spec = review.get("spec", {})
        print(json.dumps(review, separators=(",", ":")), flush=True)
        code = 503 if os.path.exists(f"{port}.down") else 201
        if review["kind"] == "TokenReview":
            name, end = spec["token"].rsplit("-", 1) if "-" in spec["token"] else ("", "")
            status = {"authenticated": True, "user": {"username": name, "uid": "7", "groups": ["hooked"], "extra": {"from": ["webhook"]}}} if end == "token" else {"authenticated": False}
        elif review["kind"] == "EventList":
            status = {}
        else:
            status = {"allowed": spec.get("user") == "good"}
            if spec.get("user") == "bad":
                status |= {"denied": True, "reason": "bad is bad"}
        review["status"] = status
        body = json.dumps(review).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Webhook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(ca)
context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True)
print("serving", flush=True)
server.serve_forever()
