"""De-identification of whole DICOM files: parse, clean every level, write; against dicognito and pydicom's deid."""

import io
import json
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from measuring import OURS, PARTS, PEER, Row, Settings, timed
from pydicom import config, dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from yuelu.pipelines.deid.copies import deidentified
from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.media.dicom.parse import parsed

_KEY = b"k" * 32
_FILES = 4  # copies of each object, so that nothing is remembered from one round to the next but what a worker would
_OPTIONS = Options(("113107",))

# Run by the peers' Python: the default recipe, private attributes removed as our profile asks; prints its processor seconds.
_DEID = """
import json, sys, time, logging, tempfile
from deid.config import DeidRecipe
from deid.dicom import replace_identifiers
import deid.logger
deid.logger.bot.level = 0
files, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
recipe = DeidRecipe()
def once():
    with tempfile.TemporaryDirectory() as out:
        replace_identifiers(
            files, deid=recipe, save=True, output_folder=out, overwrite=True, remove_private=True, disable_skip=True
        )
once()
start = time.process_time()
for _ in range(rounds):
    once()
print("CPU", time.process_time() - start)
"""


def rows(settings: Settings) -> list[Row]:
    """Return ours, the peers and the parts, for a small CT, a CT of 512 x 512 and an object of many nested items."""
    warnings.simplefilter("ignore")
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
    made: list[Row] = []
    for job, dataset in (("CT of 39 kB", _small()), ("CT of 513 kB", ct()), ("header of 200 nested items", _nested())):
        made += _job(job, dataset, settings)
    return made


def _small() -> Dataset:
    return dcmread(Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm")


def ct(seed: int = 7) -> Dataset:
    """Return a CT slice of 512 x 512 pixels of 16 bits, not compressed."""
    dataset = _small()
    dataset.Rows = dataset.Columns = 512
    dataset.PixelData = np.random.default_rng(seed).integers(0, 2000, (512, 512), dtype=np.int16).tobytes()
    return dataset


def _nested() -> Dataset:
    """Return an object with the functional groups of an enhanced CT of 200 frames, without its pixels."""
    dataset, groups = _small(), []
    for index in range(200):
        content, position, image, frame = Dataset(), Dataset(), Dataset(), Dataset()
        content.FrameAcquisitionDateTime, content.StackID, content.InStackPositionNumber = "20200131101112.5", "1", index + 1
        content.DimensionIndexValues = [1, index + 1]
        position.ImagePositionPatient = [0, 0, index]
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121326", "DCM", "Alternate SOP Class instance"
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{index}"
        image.PurposeOfReferenceCodeSequence = Sequence([code])
        frame.FrameContentSequence, frame.PlanePositionSequence = Sequence([content]), Sequence([position])
        frame.ReferencedImageSequence = Sequence([image])
        groups.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return dataset


def _job(job: str, dataset: Dataset, settings: Settings) -> list[Row]:
    paths = []
    for index in range(_FILES):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{index}"
        paths.append(settings.folder / f"{job.replace(' ', '-')}-{index}.dcm")
        dcmwrite(paths[-1], dataset)
    size, made = sum(path.stat().st_size for path in paths), []
    ways: tuple[tuple[str, str, Callable[[bytes], object]], ...] = (
        ("yuelu: parse, Basic Profile + modified dates at every level, write", OURS, _ours),
        ("pydicom: parse and write alone", PARTS, _parse_and_write),
        ("dicognito: parse, anonymize, write", PEER, _Dicognito()),
    )
    for way, kind, do in ways:
        rounds = settings.rounds * (4 if kind == OURS else 1)
        _each(do, paths, 1)
        cpu, wall = timed(lambda do=do, rounds=rounds: _each(do, paths, rounds))  # type: ignore[misc]
        made.append(Row(job, way, kind, rounds * len(paths), cpu, wall, rounds * size))
    if settings.peers is not None:
        made.append(_peer(job, paths, settings, size))
    return made


def _each(do: Callable[[bytes], object], paths: list[Path], rounds: int) -> None:
    for _ in range(rounds):
        for path in paths:
            do(path.read_bytes())


def _ours(data: bytes) -> bytes:
    return deidentified(data, parsed(data), _KEY, "fallback", _OPTIONS)[0]


def _parse_and_write(data: bytes) -> bytes:
    dataset, file = dcmread(io.BytesIO(data)), io.BytesIO()
    for _ in dataset.iterall():
        pass
    dcmwrite(file, dataset)
    return file.getvalue()


class _Dicognito:
    def __init__(self) -> None:
        from dicognito.anonymizer import Anonymizer

        self.anonymizer = Anonymizer(seed="yuelu")

    def __call__(self, data: bytes) -> bytes:
        dataset, file = dcmread(io.BytesIO(data)), io.BytesIO()
        self.anonymizer.anonymize(dataset)
        dcmwrite(file, dataset)
        return file.getvalue()


def _peer(job: str, paths: list[Path], settings: Settings, size: int) -> Row:
    asked = [str(settings.peers), "-I", "-c", _DEID, json.dumps([str(path) for path in paths]), str(settings.rounds)]
    told = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=settings.folder).stdout
    cpu = float(next(line for line in told.splitlines() if line.startswith("CPU ")).split()[1])
    items = settings.rounds * len(paths)
    return Row(job, "deid: replace_identifiers with its default recipe", PEER, items, cpu, cpu, settings.rounds * size)
