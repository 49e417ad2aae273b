"""Files of XML as banks send them (ISO 20022), read with care: they declare no entities. Pure."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element


class _NoDoctype(ElementTree.TreeBuilder):
    """Files of banks declare no entities, and one that does, in whatever encoding, is none."""

    def doctype(self, _name: str, _pubid: str, _system: str) -> None:
        raise ValueError("a file of a bank declares nothing")


def root_of(content: bytes, most: int) -> Element:
    """The root of a file of `most` bytes at the most, its names without their namespaces, which differ by version and
    country. Raises ValueError."""
    if len(content) > most:
        raise ValueError("more than is read")
    parser = ElementTree.XMLParser(target=_NoDoctype())  # noqa: S314  it declares nothing
    try:
        root = ElementTree.fromstring(content, parser)  # noqa: S314
    except ElementTree.ParseError as fault:
        raise ValueError("no XML") from fault
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
