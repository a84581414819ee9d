"""Descriptions of a release: judged by the validators and readers of those formats, and by what the release holds."""

import hashlib
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from yuelu.datasets.commit import commit
from yuelu.datasets.passport.facts import Facts, facts_of, last_scores
from yuelu.datasets.passport.render import KINDS, documents
from yuelu.datasets.release import open_folder, open_release
from yuelu.datasets.verify import verify

NAME = 'scratch|<b>"'


@pytest.fixture
def described(shop: Any, make: Any) -> Path:
    scores = [
        {"project": "boards", "batch": "b", "round": 1, "control": "q", "metric": "gwet_ac1", "level": "nominal", "value": 0.81,
         "low": 0.7, "high": 0.9, "tasks": 6, "annotators": 3, "annotations": 18, "reason": None},
        {"project": "boards", "batch": "b", "round": 1, "control": "d", "metric": "gwet_ac1", "level": "nominal", "value": None,
         "low": None, "high": None, "tasks": 6, "annotators": 3, "annotations": 18, "reason": "only one label was used"},
    ]  # fmt: skip
    gate = {"policy": "default", "digest": "d" * 64, "tasks": {"accept": 6}, "batches": {"accept": 1}, "waivers": []}
    items = [make.item(number, (make.choice("good" if number % 3 else "bad"), make.box(NAME))) for number in range(6)]
    draft = make.draft(items, quality={"scores": scores, "gates": [gate]})
    proof = {"published_at": "2026-05-06T07:08:09+00:00", "nonce": "n"}
    commit(shop.store, draft, make.KEY, shop.known.__getitem__, proof, describe=documents)
    return Path(shop.pull())


@pytest.fixture
def facts(described: Path) -> Facts:
    return facts_of(open_folder(described))


def test_descriptions_travel_with_a_release_and_are_verified(described: Path, make: Any) -> None:
    assert {"README.md", "card.md", "card-zh.md", "croissant.json"} <= {path.name for path in described.iterdir()}
    assert verify(described, make.KEY.public).ok
    (described / "croissant.json").write_text("{}")
    assert [problem.path for problem in verify(described, make.KEY.public).problems] == ["croissant.json"]


@pytest.mark.integration
def test_croissant_passes_its_own_validator(described: Path, facts: Facts, tmp_path: Path) -> None:
    (tmp_path / "croissant.json").write_bytes(KINDS["croissant"](facts)["croissant.json"])
    program = Path(sys.executable).with_name("mlcroissant")
    for path in (described / "croissant.json", tmp_path / "croissant.json"):
        done = subprocess.run([program, "validate", "--jsonld", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr.lower()
        assert "Done." in done.stderr


def test_croissant_tells_the_hashes_of_the_pulled_files(described: Path, facts: Facts) -> None:
    told = json.loads(KINDS["croissant"](facts)["croissant.json"])
    for file in told["distribution"]:
        assert hashlib.sha256((described / file["contentUrl"]).read_bytes()).hexdigest() == file["sha256"]
    assert (told["version"], told["datePublished"], told["license"]) == ("1.0.0", "2026-05-06T07:08:09+00:00", "research only")
    (pid,) = [field for record in told["recordSet"] for field in record["field"] if field["@id"] == "annotations/annotator_pid"]
    assert pid["equivalentProperty"] == "prov:wasAttributedTo"
    assert told["rai:annotationsPerItem"] == "3.00"
    assert any("undefined (only one label was used)" in each for each in told["rai:dataAnnotationAnalysis"])


def test_tables_in_layers_are_told_as_they_are_pulled(shop: Any, make: Any) -> None:
    items = [make.item(number, media=(make.medium(number % 10),)) for number in range(900)]
    shop.publish(items[:-1])
    second = shop.publish(items).release
    assert len(second.parts("evidence")) == 2
    folder = shop.pull()
    for table in facts_of(open_release(shop.store, "boards")).tables:
        assert hashlib.sha256((folder / f"{table.name}.parquet").read_bytes()).hexdigest() == table.sha256


def test_prov_names_only_what_it_declares(facts: Facts) -> None:
    told = json.loads(KINDS["prov"](facts)["prov.json"])
    known = told["entity"].keys() | told["activity"].keys() | told["agent"].keys()
    for relation in ("wasGeneratedBy", "used", "wasDerivedFrom", "wasAssociatedWith", "wasAttributedTo"):
        for link in told[relation].values():
            assert set(link.values()) <= known
    prefixes = {name.partition(":")[0] for name in known}
    assert prefixes <= told["prefix"].keys()


def test_dcat_offers_each_term(facts: Facts) -> None:
    told = json.loads(KINDS["dcat"](facts)["dcat.jsonld"])
    duties = [duty["dct:description"] for each in told["odrl:hasPolicy"]["odrl:permission"] for duty in each["odrl:duty"]]
    assert duties == ["research only"]
    assert {each["dct:title"] for each in told["dcat:distribution"]} == {f"{table.name}.parquet" for table in facts.tables}
    assert all(prefix.partition(":")[0] in told["@context"] for prefix in told if not prefix.startswith("@"))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(("name", "words"), [("card.html", "Known issues|Labels"), ("card-zh.html", "标签|一致性")])
def test_a_card_shows_everything_and_runs_nothing(facts: Facts, name: str, words: str) -> None:
    page = KINDS["card"](facts)[name].decode()
    parsed = _Tags()
    parsed.feed(page)
    assert not {"script", "b", "iframe"} & set(parsed.tags)
    assert parsed.tags.count("svg") == 3  # two controls, and the agreement
    assert NAME in parsed.text
    assert words.split("|")[1] in parsed.text
    assert "only one label was used" in parsed.text
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_card_in_markdown_keeps_names_from_being_markup(facts: Facts) -> None:
    card = KINDS["card"](facts)["card.md"].decode()
    assert 'scratch\\|\\<b\\>"' in card
    assert "| good | 4 |" in card
    assert "| bad | 2 |" in card


def test_a_dossier_leaves_open_what_only_a_registry_knows(facts: Facts) -> None:
    made = KINDS["dossier"](facts)
    told = json.loads(made["dossier.json"])
    assert told["to_fill_in"] == ["registration number", "kind of right", "applicant"]
    assert made["dossier.md"].decode().count("__________") == 3
    assert "登记编号" in made["dossier-zh.md"].decode()
    assert set(KINDS["listing"](facts)) >= {"listing.json", "quality.json", "card.md"}


def test_a_card_shows_the_last_round_of_each_batch() -> None:
    scores = [{"batch": batch, "round": number, "metric": "f1"} for batch, number in (("a", 1), ("a", 2), ("b", 1))]
    assert last_scores({"quality": {"scores": scores}}) == scores[1:]
    assert last_scores({"quality": {}}) == []
