"""An issuer of tokens over TLS, and a tool that signs them. Keys are made by openssl.

usage: token_issuer.py serve PORT CERTIFICATE KEY FOLDER     discovery and keys; the keys published are those that FOLDER/published names, one a line
       token_issuer.py sign FOLDER KEY ALGORITHM CLAIMS      prints a token; KEY is made in FOLDER if it is not there (a kid is its name)
       token_issuer.py key FOLDER KEY                        prints the key as the issuer publishes it
"""

import base64
import http.server
import json
import os
import ssl
import subprocess
import sys


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def coded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


CURVES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}


def key_file(folder, name, algorithm):
    path = f"{folder}/{name}.pem"
    if not os.path.exists(path):
        if algorithm in CURVES:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[algorithm][0]}", "-out", path)
        else:
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
        with open(f"{folder}/{name}.alg", "w") as file:
            file.write(algorithm)
    return path


def sign(folder, name, algorithm, claims):
    path = key_file(folder, name, algorithm)
    message = coded(json.dumps({"alg": algorithm, "kid": name, "typ": "JWT"}).encode()) + "." + coded(claims.encode())
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if algorithm.startswith("PS") else []
    signature = openssl("dgst", f"-sha{algorithm[2:]}", *options, "-sign", path, stdin=message.encode())
    if algorithm in CURVES:
        size = CURVES[algorithm][1]
        place = 3 if signature[1] & 0x80 else 2
        numbers = b""
        for _ in range(2):
            count = signature[place + 1]
            number = signature[place + 2 : place + 2 + count].lstrip(b"\0")
            numbers += b"\0" * (size - len(number)) + number
            place += 2 + count
        signature = numbers
    return message + "." + coded(signature)


def web_key(folder, name):
    with open(f"{folder}/{name}.alg") as file:
        algorithm = file.read()
    der = openssl("pkey", "-in", f"{folder}/{name}.pem", "-pubout", "-outform", "DER")
    if algorithm in CURVES:
        curve, size = CURVES[algorithm]
        return {"kty": "EC", "kid": name, "use": "sig", "crv": curve, "x": coded(der[-2 * size : -size]), "y": coded(der[-size:])}
    modulus = openssl("rsa", "-in", f"{folder}/{name}.pem", "-noout", "-modulus").decode().strip().split("=")[1]
    return {"kty": "RSA", "kid": name, "use": "sig", "n": coded(bytes.fromhex(modulus)), "e": "AQAB"}


def serve(port, certificate, key, folder):
    class Issuer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            print(self.path, flush=True)
            if self.path == "/.well-known/openid-configuration":
                answer = {"issuer": f"https://127.0.0.1:{port}", "jwks_uri": f"https://127.0.0.1:{port}/keys"}
            else:
                with open(f"{folder}/published") as file:
                    answer = {"keys": [{"kty": "oct", "k": "AAAA"}] + [web_key(folder, name) for name in file.read().split()]}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("serving", flush=True)
    server.serve_forever()


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), *sys.argv[3:6])
elif sys.argv[1] == "key":
    print(json.dumps(web_key(*sys.argv[2:4])))
else:
    print(sign(*sys.argv[2:6]))
