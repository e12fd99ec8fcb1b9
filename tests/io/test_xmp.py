"""XMP packets: what is no longer true goes, what people wrote stays, and hostile ones are told."""

from __future__ import annotations

import hashlib
import io
import re
import struct
from collections.abc import Callable

import PIL.Image
import pytest

from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.io.xmp import Packet, XmpError

Encode = Callable[..., bytes]
ADOBE = "http://ns.adobe.com"
GOOGLE = "http://ns.google.com/photos/1.0"


def packet(attributes: str = "", elements: str = "", **namespaces: str) -> bytes:
    """An XMP packet whose only description has these attributes and elements."""
    names = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in namespaces.items())
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    description = f'<rdf:Description rdf:about=""{names} {attributes}>{elements}</rdf:Description>'
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">{description}</rdf:RDF></x:xmpmeta>'
    ).encode()


def made_true(xmp: bytes) -> str:
    parsed = Packet.parse(xmp)
    parsed.make_true()
    return bytes(parsed).decode()


UNTRUE = {
    "xap": (f"{ADOBE}/xap/1.0/", "Thumbnails PageInfo"),
    "photoshop": (f"{ADOBE}/photoshop/1.0/", "ColorMode ICCProfile LegacyIPTCDigest SidecarForExtension"),
    "crs": (f"{ADOBE}/camera-raw-settings/1.0/", "HasSettings ConvertToGrayscale Exposure2012 ToneCurve"),
    "crss": (f"{ADOBE}/camera-raw-saved-settings/1.0/", "SavedSettings"),
    "tiff": (f"{ADOBE}/tiff/1.0/", "PhotometricInterpretation SamplesPerPixel BitsPerSample ImageWidth"),
    "exif": (f"{ADOBE}/exif/1.0/", "PixelXDimension ComponentsConfiguration NativeDigest"),
    "GCamera": (f"{GOOGLE}/camera/", "MotionPhoto MicroVideo MicroVideoOffset MotionPhotoVersion"),
    "Container": (f"{GOOGLE}/container/", "Directory"),
    "GDepth": (f"{GOOGLE}/depthmap/", "Data Near Far"),
    "GImage": (f"{GOOGLE}/image/", "Data Mime"),
    "hdrgm": (f"{ADOBE}/hdr-gain-map/1.0/", "Version GainMapMax"),
    "HDRGainMap": ("http://ns.apple.com/HDRGainMap/1.0/", "HDRGainMapVersion"),
    "darktable": ("http://darktable.sf.net/", "history iop_order_list"),
    "xmpMM": (f"{ADOBE}/xap/1.0/mm/", "InstanceID"),
}
TRUE = {
    "dc": ("http://purl.org/dc/elements/1.1/", "title description creator subject rights"),
    "xap": (f"{ADOBE}/xap/1.0/", "Rating Label CreateDate CreatorTool"),
    "photoshop": (f"{ADOBE}/photoshop/1.0/", "Headline Credit City Country DateCreated"),
    "crs": (f"{ADOBE}/camera-raw-settings/1.0/", "RawFileName"),
    "tiff": (f"{ADOBE}/tiff/1.0/", "Make Model Artist"),
    "exif": (f"{ADOBE}/exif/1.0/", "GPSLatitude DateTimeOriginal ExposureTime"),
    "GPano": (f"{GOOGLE}/panorama/", "ProjectionType"),
    "lr": (f"{ADOBE}/lightroom/1.0/", "hierarchicalSubject"),
    "mwg-rs": ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions"),
    "xmpMM": (f"{ADOBE}/xap/1.0/mm/", "DocumentID OriginalDocumentID History"),
    "Iptc4xmpCore": ("http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "Location"),
    "own": ("http://example.org/archive/", "Box Shelf"),
}


@pytest.mark.parametrize("as_element", [False, True])
@pytest.mark.parametrize(
    ("prefix", "uri", "names", "stays"),
    [
        (prefix, *each, stays)
        for stays, table in ((False, UNTRUE), (True, TRUE))
        for prefix, each in table.items()
    ],
)
def test_properties(prefix: str, uri: str, names: str, stays: bool, as_element: bool) -> None:
    for name in names.split():
        value = f"<{prefix}:{name}>plate</{prefix}:{name}>" if as_element else ""
        attribute = "" if as_element else f'{prefix}:{name}="plate"'
        xmp = packet(attribute, value, **{prefix: uri})
        assert ("plate" in made_true(xmp)) is stays, name
        assert Packet.parse(xmp).make_true() is not stays


def test_camera_raw_settings_that_were_applied_tell_what_was_done() -> None:
    crs = {"crs": f"{ADOBE}/camera-raw-settings/1.0/"}
    xmp = packet('crs:AlreadyApplied="True" crs:ConvertToGrayscale="True" crs:Exposure2012="+0.35"', **crs)
    assert "Exposure2012" in made_true(xmp) and "ConvertToGrayscale" not in made_true(xmp)
    assert "crs:" not in made_true(xmp.replace(b'AlreadyApplied="True"', b'AlreadyApplied="False"'))


def test_a_thumbnail_within_a_structure_goes_alone() -> None:
    xmp = packet(
        "",
        '<own:Pages><rdf:Seq><rdf:li g:width="8"><g:image>AAAA</g:image><own:title>verso</own:title></rdf:li>'
        "</rdf:Seq></own:Pages>",
        own="http://example.org/",
        g=f"{ADOBE}/xap/1.0/g/img/",
    )
    assert "verso" in made_true(xmp)
    assert "AAAA" not in made_true(xmp) and 'width="8"' not in made_true(xmp)


@pytest.mark.parametrize("orientation", ['tiff:Orientation="6"', "<tiff:Orientation> 8</tiff:Orientation>"])
def test_orientation_is_upright(orientation: str) -> None:
    as_element = orientation.startswith("<")
    tiff = {"tiff": f"{ADOBE}/tiff/1.0/"}
    xmp = packet("" if as_element else orientation, orientation if as_element else "", **tiff)
    assert re.search(r'Orientation(="|>)1[<"]', made_true(xmp))


def test_a_packet_of_which_nothing_goes_is_kept_to_the_byte(gray, encode: Encode) -> None:
    xmp = packet('dc:title="Quay"', dc="http://purl.org/dc/elements/1.1/") + b"\n" + b" " * 2048
    assert read_photo(encode(gray, "jpeg", xmp=xmp)).metadata["xmp"] == xmp


def nested(depth: int) -> bytes:
    return packet("", "<o:a>" * depth + "</o:a>" * depth, o="http://example.org/")


HOSTILE = {
    "deep": nested(1000),
    "very deep": nested(200_000),
    "entities": b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + packet(),
    "cut": packet('dc:title="Quay"', dc="http://purl.org/dc/elements/1.1/")[:-30],
    "no XML": b"not XML",
    "other XML": b"<svg/>",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_what_cannot_be_read_is_left_out_with_a_note(kind: str, format: str, color, encode: Encode) -> None:
    xmp = HOSTILE[kind]
    if format == "tiff":
        content = encode(color, format, tiffinfo={700: xmp})
    elif format == "png":
        content = write_photo(Photo(color, metadata={"xmp": xmp}), format=format) or b""
    else:
        content = encode(color, format, xmp=xmp)
    photo = read_photo(content)
    assert "xmp" not in photo.metadata
    [note] = photo.notes
    assert note.startswith("its XMP metadata were left out: they are ")
    assert len(note) < 150


@pytest.mark.parametrize("depth", [1, 20, 50])
def test_usual_depths_are_read_and_written(depth: int) -> None:
    assert made_true(nested(depth)).count("<o:a") == depth


def test_an_older_encoding_and_control_characters_are_mended() -> None:
    xmp = packet('dc:title="Gro\xdfmutter"', dc="http://purl.org/dc/elements/1.1/").decode().encode("latin-1")
    assert "Großmutter" in made_true(xmp.replace(b"mutter", b"mut\x0bter"))
    assert "Großmutter" in made_true(b"\xef\xbb\xbf" + xmp.decode("latin-1").encode() + b"\0\0")


def test_the_companions_of_a_motion_photo_are_told(gray, encode: Encode) -> None:
    for name, uri in (("MotionPhoto", f"{GOOGLE}/camera/"), ("Directory", f"{GOOGLE}/container/")):
        photo = read_photo(encode(gray, "jpeg", xmp=packet(f'g:{name}="1"', g=uri)))
        assert "was left out" in photo.notes[0] and len(photo.notes) == 1
    assert read_photo(encode(gray, "jpeg", xmp=packet('g:BurstID="1"', g=f"{GOOGLE}/camera/"))).notes == ()


# The second part of a JPEG's packet -----------------------------------------------------------------


def segments(jpeg: bytes) -> list[bytes]:
    """The APP1 segments, read without our help."""
    found, place = [], 2
    while jpeg[place + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", jpeg, place + 2)
        if jpeg[place + 1] == 0xE1:
            found.append(jpeg[place + 4 : place + 2 + length])
        place += 2 + length
    return found


LONG = packet(
    "",
    f"<dc:title>Quay</dc:title><own:Log>{'plate ' * 30_000}</own:Log><own:Note>{'verso ' * 8_000}</own:Note>",
    dc="http://purl.org/dc/elements/1.1/",
    own="http://example.org/archive/",
)


def test_a_long_packet_is_split_as_the_standard_says(color) -> None:
    content = write_photo(Photo(color, metadata={"xmp": LONG}), format="jpeg") or b""
    first, *rest = (each for each in segments(content) if each.startswith(b"http"))
    assert len(first) <= 65_533 and b"Quay" in first and b"plate" not in first
    main = PIL.Image.open(io.BytesIO(content)).info["xmp"]
    [digest] = re.findall(rb"HasExtendedXMP>([0-9A-F]{32})<", main)
    whole, length = b"", 0
    for part in rest:
        head, guid = part[:35], part[35:67]
        assert head == b"http://ns.adobe.com/xmp/extension/\0" and guid == digest
        length, place = struct.unpack_from(">II", part, 67)
        assert place == len(whole)
        whole += part[75:]
    assert len(whole) == length and hashlib.md5(whole).hexdigest().upper().encode() == digest
    assert whole.count(b"plate ") == 30_000


def test_both_parts_are_read_and_joined(color) -> None:
    content = write_photo(Photo(color, metadata={"xmp": LONG}), format="jpeg") or b""
    photo = read_photo(content)
    xmp = photo.metadata["xmp"]
    assert xmp.count(b"plate ") == 30_000 and xmp.count(b"verso ") == 8_000 and b"Quay" in xmp
    assert b"HasExtendedXMP" not in xmp and photo.notes == ()
    again = read_photo(write_photo(photo, format="png") or b"")
    assert again.metadata["xmp"].count(b"plate ") == 30_000


def test_a_damaged_second_part_is_told(color) -> None:
    content = write_photo(Photo(color, metadata={"xmp": LONG}), format="jpeg") or b""
    photo = read_photo(content.replace(b"plate plate", b"plate plaTe", 1))
    assert photo.notes == ("a part of its metadata is damaged or too long, and was left out",)
    assert b"Quay" in photo.metadata["xmp"] and b"HasExtendedXMP" not in photo.metadata["xmp"]


def test_a_part_that_cannot_be_split_is_an_error() -> None:
    with pytest.raises(XmpError, match="cannot be parted"):
        Packet.parse(packet(f'o:a="{"a" * 70_000}"', o="o")).split(65_000)
