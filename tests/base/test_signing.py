"""Ed25519 against the first two vectors of RFC 8032 section 7.1."""

import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.base.signing import PublicKey, SigningKey, read_secret, write_secret

VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_signatures_are_those_of_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(seed))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert key.public.verifies(bytes.fromhex(signature), bytes.fromhex(message))
    assert not key.public.verifies(bytes.fromhex(signature), bytes.fromhex(message) + b"!")
    assert seed not in repr(key)


def test_a_public_key_travels_as_pem() -> None:
    key = SigningKey(b"\x01" * 32).public
    assert PublicKey.from_pem(key.pem()) == key
    assert len(key.key_id) == 16


def test_other_keys_and_other_files_are_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(IntegrityFailure, match="not Ed25519"):
        PublicKey.from_pem(pem)
    unsupported = (  # an EC key on a curve that cryptography does not know (OID 1.2.3.4)
        b"-----BEGIN PUBLIC KEY-----\nMBgwDgYHKoZIzj0CAQYDKgMEAwYABAECAwQ=\n-----END PUBLIC KEY-----\n"
    )
    with pytest.raises(IntegrityFailure, match="not a public key"):
        PublicKey.from_pem(unsupported)
    with pytest.raises(IntegrityFailure, match="not a public key"):
        PublicKey.from_pem(b"hello")


def test_a_secret_is_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "a.key"
    with pytest.raises(NotFound, match="no secret at"):
        read_secret(path)
    writers = [threading.Thread(target=write_secret, args=(path, bytes([number]) * 32)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    first = read_secret(path)
    write_secret(path, b"another")
    assert read_secret(path) == first
    assert first in {bytes([number]) * 32 for number in range(8)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["a.key"]
