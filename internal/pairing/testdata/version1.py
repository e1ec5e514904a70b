#!/usr/bin/env python3
"""Makes a store of format version 1 as a program other than ours would: with
Python's "cryptography" (48.0.0). Written from the description of the format:

  every file     magic "CIEpair", version 01, its complement FE
  store.key      header, 32 bytes, SHA-256 of header and those
  name           first 16 bytes of HMAC-SHA-256(key, "file name" PAN), hexadecimal
  *.card, *.pending
                 header, nonce (12), AES-256-GCM of: length (4, big-endian), JSON,
                 zeros to a multiple of 8192; key HKDF-SHA-256(store key, no salt,
                 "record " name); header as associated data
  half           nonce (12), AES-256-GCM of four digits; key HKDF-SHA-256(signature
                 and share of the keyring, salt, "first half of the PIN 1 " PAN);
                 PAN as associated data

Usage: version1.py FOLDER
"""
import base64, hashlib, hmac, json, os, struct, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER = b"CIEpair\x01\xfe"
KEY = bytes(range(32))
PAN = bytes.fromhex("123456789012")
SIGNATURE = bytes(i * 7 % 256 for i in range(256))
SALT = bytes(range(100, 132))


def hkdf(material, salt, info):
    return HKDF(SHA256(), 32, salt, info).derive(material)


def name(suffix):
    return hmac.new(KEY, b"file name" + PAN, "sha256").digest()[:16].hex() + suffix


def sealed(file, value):
    text = json.dumps(value).encode()
    plain = struct.pack(">I", len(text)) + text
    plain += bytes(-len(plain) % 8192)
    nonce = hashlib.sha256(file.encode()).digest()[:12]
    key = hkdf(KEY, None, b"record " + file.encode())
    return HEADER + nonce + AESGCM(key).encrypt(nonce, plain, HEADER)


def b64(b):
    return base64.b64encode(b).decode()


half_nonce = bytes(range(200, 212))
half_key = hkdf(SIGNATURE, SALT, b"first half of the PIN 1 123456789012")
half = half_nonce + AESGCM(half_key).encrypt(half_nonce, b"5938", PAN)

record = {
    "pan": list(PAN),
    "certificate": b64(b"certificate"),
    "parameters": {
        "G": b64(b"\x02"), "P": b64(b"prime"), "Q": b64(b"order"),
        "Authority": {"N": b64(b"modulus"), "E": b64(b"\x01\x00\x01"), "CHR": b64(b"reference"), "CHA": b64(b"authorisation")},
        "DefaultRoot": True, "DeviceKey": b64(b"device key"),
    },
    "services-key": b64(b"services key"), "family": "NXP", "genuine": "genuine", "paired-at": "2026-01-02T03:04:05Z",
    "salt": b64(SALT), "half": b64(half), "suspect": True, "in-keyring": False, "tries": 2, "tries-from": "object",
}
pending = {"pan": list(PAN), "operation": "unblock", "begun": "2026-01-02T03:04:06Z"}

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
key = HEADER + KEY
for file, content in {
    "store.key": key + hashlib.sha256(key).digest(),
    name(".card"): sealed(name(".card"), record),
    name(".pending"): sealed(name(".pending"), pending),
}.items():
    with open(os.path.join(folder, file), "wb") as f:
        f.write(content)
