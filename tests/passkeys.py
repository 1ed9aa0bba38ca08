"""A passkey in software: what a browser and its authenticator answer to what a page asks."""

import hashlib
import json
import re
import secrets
from html import unescape
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url as text

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


class Passkey:
    """One passkey; ``counter`` is that of its last use, and ``verifies`` whether it has seen a
    finger or a PIN."""

    def __init__(self, host: str = "localhost", origin: str = "http://localhost") -> None:
        self.host, self.origin = host, origin
        self.id = secrets.token_bytes(32)
        self.owner = b""
        self.counter = 0
        self.verifies = True
        self.key = ec.generate_private_key(ec.SECP256R1())

    def answer(self, page: str) -> dict[str, str]:
        """The fields of the form of a page that asks for a passkey, filled in."""
        found = re.search(r'data-passkey="(\w+)" data-options="([^"]+)"', page)
        assert found, "the page asks for no passkey"
        challenge = re.search(r'name="challenge" value="([^"]+)"', page)
        assert challenge
        options = json.loads(unescape(found[2]))
        signed = self._created(options) if found[1] == "create" else self._used(options)
        return {"challenge": unescape(challenge[1]), "credential": json.dumps(signed)}

    def _created(self, options: dict[str, Any]) -> dict[str, Any]:
        self.owner = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        numbers = {-2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, **numbers})
        about = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(HAS_KEY) + about
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        said = self._said("webauthn.create", options)
        return self._credential(clientDataJSON=text(said), attestationObject=text(attestation))

    def _used(self, options: dict[str, Any]) -> dict[str, Any]:
        self.counter += 1
        data, said = self._data(0), self._said("webauthn.get", options)
        signed = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            clientDataJSON=text(said),
            authenticatorData=text(data),
            signature=text(signed),
            userHandle=self.owner,
        )

    def _data(self, more: int) -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | more
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _said(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said).encode()

    def _credential(self, **response: str) -> dict[str, Any]:
        name = text(self.id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response}
