"""Ed25519 keys: made, kept in files that only their owner reads, used to sign and to verify (RFC 8032)."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from yuelu.base.canonical import sha256
from yuelu.base.errors import IntegrityFailure, NotFound


class Trust(Protocol):
    """Whose signatures are taken: one public key, or a publisher's list of keys."""

    def key_for(self, signer: "PublicKey", log_size: int, digest: str) -> "PublicKey":
        """Return the key that must have signed what names `signer`, is of that digest, and knew so many entries of the log.

        Raises IntegrityFailure: that key is not trusted for it.
        """


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies. `raw` is its 32 bytes."""

    raw: bytes

    @property
    def key_id(self) -> str:
        """The name of the key in signatures: the first 16 hex digits of the SHA-256 of its bytes."""
        return sha256(self.raw)[:16]

    def key_for(self, signer: "PublicKey", log_size: int, digest: str) -> "PublicKey":
        """Return this very key, whoever is said to have signed: nothing else is trusted."""
        return self

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether `signature` over `message` was made with this key's private half."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """Return the key as PEM (SubjectPublicKeyInfo), the form `yuelu verify --key` reads."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @staticmethod
    def from_pem(pem: bytes) -> "PublicKey":
        """Return the key in `pem`. Raises IntegrityFailure: not an Ed25519 public key."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise IntegrityFailure(f"not a public key: {error}", "give the PEM file that the publisher shared") from None
        if not isinstance(key, Ed25519PublicKey):
            raise IntegrityFailure(f"the key is {type(key).__name__}, not Ed25519", "give the publisher's Ed25519 key")
        return PublicKey(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs. `seed` is its 32 secret bytes and never appears in its repr."""

    seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.public.key_id})"

    @property
    def public(self) -> PublicKey:
        """The half that verifies."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return PublicKey(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


def write_secret(path: Path, secret: bytes) -> None:
    """Create `path` with `secret`, readable by its owner alone; an existing file is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # appears whole or not at all, also when two processes start at once
    except FileExistsError:
        pass
    finally:
        part.unlink()


def promote_secret(path: Path, target: Path) -> None:
    """Make the secret in `path` the one in `target`, in one step; the one that was there is gone."""
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_secret(path: Path) -> bytes:
    """Return the secret in `path`. Raises NotFound."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no secret at {path}", "run 'yuelu init' to make the workspace's keys") from None
