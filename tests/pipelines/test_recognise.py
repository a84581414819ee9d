from pathlib import Path

import pytest
import skimage

from yuelu.pipelines.media.recognise import HEAD_BYTES, recognise


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"MZ" + bytes(126) + b"DICM", "DICOM"),  # a program in the preamble does not change what it is
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"\xff\xfeH\0e\0", "unknown content"),  # UTF-16 text starts like a sync word, but in layer I
        (b"\0\0\0\x18ftypisom", "MP4"),
        (b"\0\0\0\x08free\0\0\0\0mdat", "MP4"),
        (b"Say free and mean it", "text"),
        ((b"\x47\x40\x11\x10" + bytes(184)) * 3, "MPEG-TS"),
        ((b"\0\0\0\0\x47\x40\x11\x10" + bytes(184)) * 3, "MPEG-TS"),  # as cameras and discs write it
        ((b"\x47\x40\x11\x10" + bytes(200)) * 3, "MPEG-TS"),  # as broadcasters do
        (b"G" * 1000, "text"),
        (b"\0\0\x01\xba\x44", "MPEG-PS"),
        (b"FLV\x01\x05", "FLV"),
        (b"#!AMR\n<", "AMR"),
        (b"OggS" + bytes(24) + b"\x01\x1e\x80theora", "Ogg video"),
        (b"OggS" + bytes(24) + b"\x01\x1e\x01vorbis", "Ogg"),
        (b"%PDF-1.7", "PDF"),
        (b"name,label\n1,2\n", "text"),
        ("姓名,标签\n".encode(), "text"),
        (b"BM is how this text starts", "text"),
        (b"\x08\0\x16\0UI\x1a\0", "DICOM"),
        (b"\0\x08\0\x16UI\0\x1a", "DICOM"),
        (b"\0\x01\x02\x03", "unknown content"),
    ],
)
def test_content_tells_what_it_is(head: bytes, name: str) -> None:
    assert recognise(head) == name


def test_long_text_cut_within_a_character_is_text() -> None:
    assert recognise(("岳" * HEAD_BYTES).encode()[:HEAD_BYTES]) == "text"


def test_real_files(dicom_files: Path, fixtures: Path) -> None:
    media = fixtures / "good_media"
    expected = {
        dicom_files / "CT_small.dcm": "DICOM",
        dicom_files / "ExplVR_LitEndNoMeta.dcm": "DICOM",
        dicom_files / "ExplVR_BigEndNoMeta.dcm": "DICOM",
        Path(skimage.__file__).parent / "data/astronaut.png": "PNG",
        Path(skimage.__file__).parent / "data/multipage.tif": "TIFF",
        media / "gradio_images/bus.png": "GIF",  # its name lies
        media / "gradio_audio/cate_blanch.mp3": "MP3",
        media / "audiomentations/bus.opus": "Ogg",
        media / "audiomentations/testing.m4a": "MP4",
        media / "gradio_videos/b.avi": "AVI",
    }
    assert {path: recognise(path.read_bytes()[:HEAD_BYTES]) for path in expected} == expected
