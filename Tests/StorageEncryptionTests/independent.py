"""Seals and opens values as kube-apiserver does, by libraries that Binnacle does not use: the other side of the interchange tests.

Reads one JSON object a line: {"op": "seal"|"open", "provider", "name", "secret", "context", "value"}, bytes in base64.
Writes a line each: the sealed or opened bytes in base64.  Needs `cryptography` and `pynacl` (scripts/test fetches them).
"""
import base64, json, os, sys

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.secret import SecretBox


def seal(provider, secret, context, value):
    if provider == "aesgcm":
        nonce = os.urandom(12)
        return nonce + AESGCM(secret).encrypt(nonce, value, context)
    if provider == "aescbc":
        vector = os.urandom(16)
        padder = padding.PKCS7(128).padder()
        run = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
        return vector + run.update(padder.update(value) + padder.finalize()) + run.finalize()
    return bytes(SecretBox(secret).encrypt(value, os.urandom(24)))


def unseal(provider, secret, context, sealed):
    if provider == "aesgcm":
        return AESGCM(secret).decrypt(sealed[:12], sealed[12:], context)
    if provider == "aescbc":
        run = Cipher(algorithms.AES(secret), modes.CBC(sealed[:16])).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        return unpadder.update(run.update(sealed[16:]) + run.finalize()) + unpadder.finalize()
    return SecretBox(secret).decrypt(sealed)


for line in sys.stdin:
    task = json.loads(line)
    secret = base64.b64decode(task["secret"])
    value = base64.b64decode(task["value"])
    context = task["context"].encode()
    prefix = f"k8s:enc:{task['provider']}:v1:{task['name']}:".encode()
    if task["op"] == "seal":
        result = prefix + seal(task["provider"], secret, context, value)
    else:
        assert value.startswith(prefix), value[:64]
        result = unseal(task["provider"], secret, context, value[len(prefix):])
    print(base64.b64encode(result).decode())
