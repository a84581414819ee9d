from yuelu.base.canonical import keyed
from yuelu.base.records import Medium, Outcome, Role
from yuelu.pipelines.ingest.records import Found, Part
from yuelu.pipelines.ingest.settle import assets_of, settle
from yuelu.pipelines.sources.port import Listed

SECRET = b"s" * 32
A, B, C, P = "a" * 64, "b" * 64, "c" * 64, "f" * 64


def found(path: str, sha256: str | None = A, reason: str | None = None, **more: object) -> Found:
    return Found(Listed("/s", path, b"", 3, 0), sha256, reason, 3, f"file:///s/{path}", **more)  # type: ignore[arg-type]


def part(sha256: str, role: Role) -> Part:
    return Part(sha256, role, Medium.IMAGE, "image/png", 5, {"scale": 1})


def outcomes(findings: list[Found], **known: object) -> list[tuple[str, str | None]]:
    settled = settle(findings, known.get("accepted", {}), known.get("roles", {}), SECRET)  # type: ignore[arg-type]
    return [(one.outcome.value, one.reason) for one in settled]


def test_the_first_of_equal_objects_is_accepted() -> None:
    assert outcomes([found("1"), found("2"), found("3", B)]) == [
        ("accepted", None), ("duplicate", "same bytes as 1"), ("accepted", None),
    ]  # fmt: skip


def test_equal_to_what_was_accepted_earlier() -> None:
    assert outcomes([found("2")], accepted={A: ("/s", "1")}) == [("duplicate", "same bytes as 1")]
    assert outcomes([found("2")], accepted={A: ("/t", "1")}) == [("duplicate", "same bytes as /t/1")]


def test_nothing_is_a_duplicate_of_itself() -> None:
    assert outcomes([found("1")], accepted={A: ("/s", "1")}, roles={A: Role.SOURCE}) == [("accepted", None)]


def test_a_reason_keeps_its_hint() -> None:
    (one,) = settle([found("1", A, "too large", hint="tile it")], {}, {}, SECRET)
    assert (one.reason, one.hint) == ("too large", "tile it")


def test_equal_objects_in_quarantine_stay_there() -> None:
    assert outcomes([found("1", A, "broken"), found("2", A, "broken")]) == [("quarantined", "broken")] * 2


def test_our_own_proxy_is_no_source() -> None:
    made = found("1", A, parts=(part(P, Role.PROXY),))
    assert outcomes([made, found("2", P)])[1] == ("quarantined", "these bytes are the proxy of another asset")
    assert outcomes([found("2", P), made])[1] == ("accepted", None)


def test_assets_of_a_picture() -> None:
    source, proxy = assets_of(found("1", A, parts=(part(P, Role.PROXY),), facts={"width_px": 9}), A, SECRET)
    assert (source.sha256, source.role, source.store_key, source.derived_from) == (A, Role.SOURCE, None, None)
    assert dict(source.facts) == {"uri": "file:///s/1", "width_px": 9, "proxy": P}
    assert (proxy.derived_from, proxy.store_key, proxy.group) == (A, f"assets/ff/{P}", source.group)
    assert source.group == keyed(SECRET, "group", A)


def test_assets_of_several_pictures() -> None:
    frames = tuple(part(sha256, Role.PROXY) for sha256 in (P, B, P))  # a slice may look like another
    source, *_ = assets_of(found("1", A, parts=frames), A, SECRET)
    assert source.facts["frames"] == [P, B, P]
    assert source.facts["proxy"] == B


def test_assets_of_a_deidentified_object() -> None:
    parts = (part(B, Role.DEIDENTIFIED), part(P, Role.PROXY), part(C, Role.THUMBNAIL))
    source, copy, proxy, thumb = assets_of(found("1", A, parts=parts, facts={"modality": "CT"}, subject="1CT1\0"), A, SECRET)
    assert dict(source.facts) == {"uri": "file:///s/1", "deidentified": B}
    assert dict(copy.facts) == {"modality": "CT", "proxy": P, "thumbnail": C}
    assert (copy.derived_from, proxy.derived_from, thumb.derived_from) == (A, B, B)
    assert {one.group for one in (source, copy, proxy, thumb)} == {keyed(SECRET, "group", "1CT1\0")}
    assert "1CT1" not in repr((source, copy, proxy, thumb))


def test_outcomes_are_those_of_the_vocabulary() -> None:
    assert {outcome.value for outcome in Outcome} == {"accepted", "duplicate", "quarantined"}
