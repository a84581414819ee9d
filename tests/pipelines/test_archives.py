"""Archives as they are delivered, and as they are made to harm. Nothing may be written, whatever they say."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from packed import tarred, zipped

from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured, NotFound
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources import entries, tars, zips
from yuelu.pipelines.sources.address import open_source
from yuelu.pipelines.sources.folder import folder
from yuelu.pipelines.sources.port import Listed, Source

TERMS = Collection("packed", "hospital", "contract", "general", "research only")
MEMBERS = {"b/two.bin": bytes(range(256)) * 40, "a.bin": b"one", "c/空.bin": b"three" * 1000}
MODES = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.xz": "w:xz", "tar.bz2": "w:bz2"}


def read(source: Source, listed: Listed) -> bytes:
    with source.opened(listed) as opened:
        data = os.pread(opened.descriptor, 1 << 28, 0)
        assert len(data) == opened.bytes
        return data


def reasons(source: Source) -> dict[str, str | None]:
    listed = list(source.listed())
    assert len({one.key for one in listed}) == len(listed)  # each object once
    return {one.path: one.problem for one in listed}


def why(source: Source, path: str) -> str:
    (listed,) = [one for one in source.listed() if one.path == path]
    assert listed.problem is None
    with pytest.raises(Refused) as refusal:
        read(source, listed)
    return refusal.value.problem


def one_source(path: Path) -> Source:
    return open_source(str(path), {})


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_members_of_a_zip_are_objects(tmp_path: Path, method: int) -> None:
    source = one_source(zipped(tmp_path / "a.zip", {"empty-folder/": b"", **MEMBERS}, method))
    listed = list(source.listed())
    assert [one.path for one in listed] == list(MEMBERS)  # the archive's own order
    for one in reversed(listed):
        assert read(source, one) == MEMBERS[one.path]
        assert one.bytes == len(MEMBERS[one.path])
    assert source.uri(listed[2]) == f"{(tmp_path / 'a.zip').as_uri()}#c/%E7%A9%BA.bin"


@pytest.mark.parametrize("ending", MODES)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_a_tar_are_objects(tmp_path: Path, ending: str, form: int) -> None:
    source = one_source(
        tarred(tmp_path / f"a.{ending}", {f"./{name}": data for name, data in MEMBERS.items()}, MODES[ending], form)
    )
    listed = list(source.listed())
    assert [one.path for one in listed] == list(MEMBERS)
    for one in (*listed, *reversed(listed)):  # also backwards, which costs another pass
        assert read(source, one) == MEMBERS[one.path]


def test_members_in_order_cost_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"{n:03}": os.urandom(5000) for n in range(60)}
    source = one_source(tarred(tmp_path / "a.tar.gz", many, "w:gz"))
    listed, taken, pread = list(source.listed()), [0], os.pread

    def counted(descriptor: int, size: int, at: int) -> bytes:
        data = pread(descriptor, size, at)
        taken[0] += len(data)
        return data

    monkeypatch.setattr(os, "pread", counted)
    for one in listed:
        with source.opened(one):
            pass
    assert taken[0] < 1.1 * (tmp_path / "a.tar.gz").stat().st_size + sum(map(len, many.values()))


def test_archives_in_a_folder_are_folders(tmp_path: Path) -> None:
    zipped(tmp_path / "b.ZIP", MEMBERS)
    tarred(tmp_path / "c.tgz", {"x": b"1"}, "w:gz")
    (tmp_path / "b.ZIP-notes").write_bytes(b"after b and before the members of b.ZIP")
    (tmp_path / "fake.zip").write_bytes(b"no archive at all")
    (tmp_path / "z.zip").symlink_to("b.ZIP")
    source = folder(tmp_path)
    listed = list(source.listed())
    assert [one.path for one in listed] == [
        "b.ZIP-notes", "b.ZIP/b/two.bin", "b.ZIP/a.bin", "b.ZIP/c/空.bin", "c.tgz/x", "fake.zip", "z.zip",
    ]  # fmt: skip
    assert read(source, listed[2]) == b"one"
    assert source.uri(listed[2]) == f"{(tmp_path / 'b.ZIP').as_uri()}#a.bin"
    zipped(tmp_path / "b.ZIP", {"a.bin": b"another"})
    with pytest.raises(Refused, match="changed while it was being read"):
        read(source, listed[2])


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", MEMBERS)
    source = one_source(zipped(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes(), "looks-like.zip": b"no"}))
    assert why(source, "inner.zip") == "an archive in an archive is not opened"
    assert read(source, list(source.listed())[1]) == b"no"


BAD_NAMES = {
    "/etc/passwd": "an absolute name in an archive",
    "\\\\server\\share": "an absolute name in an archive",
    "C:/Windows/x": "an absolute name in an archive",
    "c:x": "an absolute name in an archive",
    "../../escape": "a name in an archive that leads out of it",
    "a/../../b": "a name in an archive that leads out of it",
    "a\\..\\..\\b": "a name in an archive that leads out of it",
    "a//b": "a name in an archive that is not plain",
    "a/./b": "a name in an archive that is not plain",
    "Same": "its name differs only in case from another one in the archive",
    "same": "its name differs only in case from another one in the archive",
    "ﬁle": "its name differs only in case from another one in the archive",
    "FILE": "its name differs only in case from another one in the archive",
}


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_that_lead_elsewhere_are_refused_and_the_others_go_on(tmp_path: Path, kind: str) -> None:
    members = {**dict.fromkeys(BAD_NAMES, b"x"), "good": b"fine"}
    path = tmp_path / "in" / f"a.{kind}"
    path.parent.mkdir()
    source = one_source(zipped(path, members) if kind == "zip" else tarred(path, members, "w:gz"))
    assert reasons(source) == {**BAD_NAMES, "good": None}
    assert [read(source, one) for one in source.listed() if one.problem is None] == [b"fine"]
    assert [found.name for found in tmp_path.rglob("*")] == ["in", f"a.{kind}"]  # nothing was written


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_occurs_twice_is_one_object_with_a_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("x", "y", "x"):
                archive.writestr(name, name)
    else:
        tarred(path, [tarfile.TarInfo(name) for name in ("x", "y", "x")])
    assert reasons(one_source(path)) == {"x": "its name occurs more than once in the archive", "y": None}


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    kinds = {
        "symbolic": (tarfile.SYMTYPE, "a symbolic link in an archive"),
        "hard": (tarfile.LNKTYPE, "a hard link in an archive"),
        "pipe": (tarfile.FIFOTYPE, "no regular file in the archive"),
        "device": (tarfile.CHRTYPE, "no regular file in the archive"),
        "disk": (tarfile.BLKTYPE, "no regular file in the archive"),
    }
    members = []
    for name, (kind, _) in kinds.items():
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        members.append(member)
    assert reasons(one_source(tarred(tmp_path / "a.tar", members))) == {name: reason for name, (_, reason) in kinds.items()}
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert reasons(one_source(tmp_path / "a.zip")) == {"link": "a symbolic link in an archive"}


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("sparse")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}
    member.size = 512
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(b"1\n0\n512\n".ljust(512, b"\0")))
    assert reasons(one_source(path)) == {"sparse": "a sparse file in an archive"}


def patched(path: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, count))
    return path


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x": b"1"})
    patched(path, b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0")
    assert reasons(one_source(path)) == {"x": "encrypted in the archive"}


def test_methods_that_are_not_read_have_a_reason(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x": b"1" * 100}, zipfile.ZIP_LZMA)
    assert reasons(one_source(path)) == {"x": "compressed by a method that is not read: 14"}


def test_what_would_come_out_a_thousandfold_is_refused(tmp_path: Path) -> None:
    bomb, slice_ = bytes(20 << 20), bytes(512 * 512 * 2)
    source = one_source(zipped(tmp_path / "a.zip", {"bomb": bomb, "empty slice": slice_}))
    assert reasons(source)["empty slice"] is None  # an even slice is no bomb
    assert "more than 100 for each" in str(reasons(source)["bomb"])
    for ending, mode in list(MODES.items())[1:]:
        problem = reasons(one_source(tarred(tmp_path / f"b.{ending}", {"a": b"1", "bomb": bomb}, mode)))["."]
        assert "more than 100 for each" in str(problem)


@pytest.mark.parametrize(("declared", "problem"), [(10, "holds more than the 10 bytes"), (70_000, "are not those")])
def test_a_zip_that_lies_about_a_size_is_found_out(tmp_path: Path, declared: int, problem: str) -> None:
    data = os.urandom(100) * 600
    path = zipped(tmp_path / "a.zip", {"x": data})
    patched(path, struct.pack("<I", len(data)), struct.pack("<I", declared))
    assert problem in why(one_source(path), "x")


def test_a_zip_with_another_content_than_its_checksum_is_found_out(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x": b"honest"}, zipfile.ZIP_STORED)
    assert "are not those" in why(one_source(patched(path, b"honest", b"forged")), "x")


def overlapping(path: Path, count: int = 50) -> Path:
    """A zip whose members all name the same bytes, as `zip --quote` bombs do (Fifield 2019)."""
    packed = zlib.compress(bytes(100_000), 9)[2:-4]
    crc = zlib.crc32(bytes(100_000))
    sizes = struct.pack("<III", crc, len(packed), 100_000)
    local = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", 1, 0) + b"0" + packed
    directory = b"".join(
        b"PK\1\2"
        + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33)
        + sizes
        + struct.pack("<HHHHHII", 2, 0, 0, 0, 0, 0, 0)
        + b"%02d" % n
        for n in range(count)
    )
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(local), 0)
    path.write_bytes(local + directory + end)
    return path


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    found = reasons(one_source(overlapping(tmp_path / "a.zip")))
    assert len(found) == 50
    assert set(found.values()) == {"its bytes overlap those of another member"}


def test_a_local_header_that_reaches_into_the_next_member_is_found_out(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x": b"1" * 50, "y": b"2" * 50}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[28:30] = struct.pack("<H", 40)  # the extra field of x, which only its local header tells of
    path.write_bytes(data)
    source = one_source(path)
    assert why(source, "x") == "its bytes overlap those of another member"


def test_too_many_members_are_one_object_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {str(n): b"" for n in range(11)}
    for module in (entries, zips, tars):
        monkeypatch.setattr(module, "ENTRIES", 10)
    assert reasons(one_source(zipped(tmp_path / "a.zip", many))) == {".": "the archive has 11 members, more than the limit of 10"}
    found = reasons(one_source(tarred(tmp_path / "a.tar", many)))
    assert found["."] == "the archive has more members than the limit of 10"
    monkeypatch.setattr(zips, "_DIRECTORY_BYTES", 100)
    assert reasons(one_source(tmp_path / "a.zip")) == {".": "the archive's directory is larger than 100 bytes"}


def test_a_header_as_large_as_the_archive_is_not_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 40
    (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + b"0" * 4096)
    assert reasons(one_source(tmp_path / "a.tar")) == {".": "a header of the archive is larger than 1048576 bytes"}


def test_an_lzma_stream_may_not_claim_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_LZMA_MEMORY", 1 << 20)  # the usual 8 MiB dictionary is too much then
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(bytes(2048)))
    assert "Memory usage limit exceeded" in str(reasons(one_source(tmp_path / "a.tar.xz"))["."])


def test_broken_archives_are_one_object_and_what_came_before_goes_on(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "whole.tar.gz", {f"{n}": os.urandom(40_000) for n in range(9)}, "w:gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: len(whole) // 2])
    found = reasons(one_source(tmp_path / "a.tar.gz"))
    assert found.pop(".") == "the archive breaks off"
    assert set(found) == {"0", "1", "2", "3", "4"}  # whether the last is whole shows when it is read
    (tmp_path / "flipped.tgz").write_bytes(whole[:-4000] + b"\xff" * 1000 + whole[-3000:])
    assert "a broken archive" in str(reasons(one_source(tmp_path / "flipped.tgz"))["."])
    half = zipped(tmp_path / "b.zip", MEMBERS).read_bytes()
    (tmp_path / "b.zip").write_bytes(half[:-30])
    assert reasons(one_source(tmp_path / "b.zip")) == {".": "a broken archive: File is not a zip file"}
    (tmp_path / "c.tar.gz").write_bytes(gzip.compress(b"no tar" * 300))
    assert "a broken archive" in str(reasons(one_source(tmp_path / "c.tar.gz"))["."])
    assert reasons(one_source(zipped(tmp_path / "d.zip", {}))) == {".": "an archive without files"}


def test_a_tar_that_loops_ends(tmp_path: Path) -> None:
    """CVE-2025-8194: a negative size led Python's tarfile backwards for ever."""
    member = tarfile.TarInfo("x")
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) * 4)
    found = reasons(one_source(tmp_path / "a.tar"))
    assert found
    assert None not in found.values()


def test_names_of_chinese_windows_are_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"XXXX.bin": b"1"})
    assert reasons(one_source(patched(path, b"XXXX.bin", "胸片".encode("gb18030") + b".bin"))) == {"胸片.bin": None}


def test_zip64_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, archive.open("x", "w", force_zip64=True) as member:
        member.write(b"large enough")
    source = one_source(tmp_path / "a.zip")
    assert [read(source, one) for one in source.listed()] == [b"large enough"]


STREAMS = [("a.tar.gz", gzip.compress), ("a.tar.xz", lzma.compress), ("a.tar.bz2", bz2.compress)]


@pytest.mark.parametrize(("name", "compress"), STREAMS, ids=["gz", "xz", "bz2"])
def test_several_streams_one_after_another_are_one_archive(tmp_path: Path, name: str, compress: Callable[[bytes], bytes]) -> None:
    plain = tarred(tmp_path / "plain.tar", MEMBERS).read_bytes()
    (tmp_path / name).write_bytes(compress(plain[:3000]) + compress(plain[3000:]) + (b"\0" * 100 if "gz" in name else b""))
    source = one_source(tmp_path / name)
    assert {one.path: read(source, one) for one in source.listed()} == MEMBERS


def test_what_is_no_archive_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"nothing")
    with pytest.raises(Misconfigured, match="is no archive"):
        list(one_source(tmp_path / "a.zip").listed())
    with pytest.raises(NotFound, match="nothing at"):
        one_source(tmp_path / "b.zip")


def test_a_delivery_of_archives_is_ingested_once(
    tmp_path: Path, dicom_files: Path, make_workspace: Callable[[str], Workspace]
) -> None:
    files = {file.name: file.read_bytes() for file in sorted((dicom_files / "dicomdirtests/98892001/CT5N").iterdir())}
    delivery = tmp_path / "delivery"
    delivery.mkdir()
    tarred(delivery / "a.tar.gz", files, "w:gz")
    zipped(delivery / "b.zip", {"../evil": b"x", **files})
    workspace = make_workspace("one")
    report = ingest(workspace, [folder(delivery)], TERMS, workers=1)
    assert (report.accepted, report.duplicate, report.quarantined) == (len(files), len(files), 1)
    assert dict(report.reasons) == {"a name in an archive that leads out of it": 1}
    again = ingest(workspace, [folder(delivery)], TERMS, workers=1)
    assert again.already == again.listed == report.listed
    os.utime(delivery / "a.tar.gz", (1, 1))  # touched: read again, and found to be the same by hash
    touched = ingest(workspace, [folder(delivery)], TERMS, workers=1)
    assert (touched.accepted, touched.already) == (len(files), len(files) + 1)
    assert sha256(b"") not in files
