"""How a picture was made: written, read back, and merged into what a packet holds already."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from autochrome.io.photo import Photo, read_photo, read_provenance, write_photo
from autochrome.io.provenance import Provenance, add_provenance, parse_provenance

MADE = Provenance(
    "cic.compact", "ab" * 32, {"seed": 7, "temperature": 0.38, "note": "Großmutter <&>"}, "Autochrome 0.1.0"
)
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
LIGHTROOM = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:1" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmp:Rating="4" crs:Exposure2012="+0.35"
    Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm">
   <dc:title xmlns:dc="http://purl.org/dc/elements/1.1/">
    <rdf:Alt><rdf:li xml:lang="x-default">Pont \xc3\xa0 Paris</rdf:li></rdf:Alt>
   </dc:title>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
def test_round_trip_through_every_format(format, color, tmp_path: Path):
    path = tmp_path / f"a.{format}"
    write_photo(Photo(color), path, provenance=MADE)
    assert read_provenance(path) == MADE
    assert read_provenance(str(path)) == MADE
    assert read_provenance(path.read_bytes()) == MADE
    assert read_provenance(read_photo(path)) == MADE


def test_photo_without_provenance_has_none(color):
    assert read_provenance(Photo(color)) is None
    assert read_provenance(Photo(color, metadata={"xmp": LIGHTROOM})) is None
    assert read_provenance(write_photo(Photo(color), format="png") or b"") is None


def test_the_packet_says_what_the_iptc_asks_for():
    root = ET.fromstring(add_provenance(None, MADE))
    values = [element.text for element in root.iter(SOURCE_TYPE)]
    assert values == ["http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"]
    packet = add_provenance(None, MADE)
    assert packet.startswith(b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert packet.endswith(b'<?xpacket end="w"?>')


def test_merging_keeps_all_else_and_the_prefixes():
    packet = add_provenance(LIGHTROOM, MADE)
    assert parse_provenance(packet) == MADE
    kept_properties = (
        b'xmp:Rating="4"',
        b'crs:Exposure2012="+0.35"',
        b'x:xmptk="Adobe XMP Core 7.0"',
        b'rdf:about="uuid:1"',
        b'<rdf:li xml:lang="x-default">Pont \xc3\xa0 Paris</rdf:li>',
        b"<dc:title>",
    )
    for kept in kept_properties:
        assert kept in packet, kept
    assert b"ns0:" not in packet and b"ns1:" not in packet


def test_an_earlier_source_type_is_replaced_and_remembered():
    root = ET.fromstring(add_provenance(LIGHTROOM, MADE))
    description = root.find(f"{RDF}RDF/{RDF}Description")
    assert description is not None and SOURCE_TYPE not in description.attrib
    assert len(list(root.iter(SOURCE_TYPE))) == 1
    former = description.findtext("{urn:x-autochrome:provenance/1.0/}FormerDigitalSourceType")
    assert former == "http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm"


def test_a_second_provenance_replaces_the_first_alone():
    again = Provenance("lrac.paper", "cd" * 32, {}, "Autochrome 0.2.0")
    packet = add_provenance(add_provenance(LIGHTROOM, MADE), again)
    assert parse_provenance(packet) == again
    assert packet.count(b"<autochrome:Model>") == 1 and b"cic.compact" not in packet
    assert b"negativeFilm" in packet  # still remembered


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"not xml",
        b"<x:xmpmeta",
        b"<a/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>',
        b"\0\0\0",
    ],
)
def test_a_broken_packet_is_replaced(packet):
    assert parse_provenance(packet) is None
    assert parse_provenance(add_provenance(packet, MADE)) == MADE


def test_a_bare_rdf_packet_padded_with_zeros_is_merged():
    bare = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        b'<rdf:Description rdf:about=""><xmp:Rating>3</xmp:Rating></rdf:Description></rdf:RDF>\0\0'
    )
    packet = add_provenance(bare, MADE)
    assert b"<xmp:Rating>3</xmp:Rating>" in packet and parse_provenance(packet) == MADE


def test_settings_that_are_no_json_are_refused_before_writing(color, tmp_path: Path):
    with pytest.raises(TypeError):
        write_photo(Photo(color), tmp_path / "a.png", provenance=Provenance("m", "s", {"net": object()}))
    assert not list(tmp_path.iterdir())


def test_damaged_settings_are_read_as_none():
    packet = add_provenance(None, MADE).replace(b"{", b"(", 1)
    found = parse_provenance(packet)
    assert found is not None and found.settings == {} and found.model == "cic.compact"
