# SPDX-License-Identifier: GPL-2.0-only
"""Reads pcapng files strictly: every length, padding and option must be as draft-ietf-opsawg-pcapng says."""
import dataclasses
import struct

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6
ETHERNET = 1
TEXTS = {SECTION: {1: "comment", 2: "hardware", 3: "os", 4: "application"},
         INTERFACE: {1: "comment", 2: "name", 3: "description"}, PACKET: {1: "comment"}, STATISTICS: {1: "comment"}}
NUMBERS = {INTERFACE: {9: ("tsresol", "B")},
           PACKET: {2: ("flags", "I"), 4: ("dropped", "Q"), 6: ("queue", "I"), 7: ("verdict", "9s")},
           STATISTICS: {7: ("lost", "Q"), 8: ("delivered", "Q")}}
TIMES = {STATISTICS: {2: "start", 3: "end"}}


@dataclasses.dataclass
class Block:
    type: int
    options: dict
    fields: tuple = ()
    data: bytes = b""
    interface: "Block" = None

    def __getattr__(self, name):
        if name.startswith("_") or name not in self.options:
            raise AttributeError(name)
        return self.options[name]

    @property
    def time(self):
        return self.fields[1] << 32 | self.fields[2]

    @property
    def length(self):
        return self.fields[4]


class Pcapng:
    """All blocks of a file, which has one section and is in the byte order of this machine."""

    def __init__(self, data):
        self.blocks = list(self.read(data))
        assert self.blocks and self.blocks[0].type == SECTION
        self.section = self.blocks[0]
        self.interfaces = self.of(INTERFACE)
        self.packets = self.of(PACKET)
        self.statistics = self.of(STATISTICS)
        assert len(self.blocks) == 1 + len(self.interfaces + self.packets + self.statistics)

    def of(self, kind):
        return [block for block in self.blocks if block.type == kind]

    def read(self, data):
        interfaces, at = [], 0
        while at < len(data):
            assert len(data) - at >= 12, "the file ends within a block"
            kind, length = struct.unpack_from("=II", data, at)
            assert 12 <= length <= len(data) - at and length % 4 == 0, "the file ends within a block"
            assert struct.unpack_from("=I", data, at + length - 4) == (length,)
            block = self.block(kind, data[at + 8:at + length - 4], interfaces)
            if kind == INTERFACE:
                interfaces.append(block)
            yield block
            at += length

    def block(self, kind, body, interfaces):
        layout = {SECTION: "=IHHq", INTERFACE: "=HHI", PACKET: "=IIIII", STATISTICS: "=III"}[kind]
        fields, at = struct.unpack_from(layout, body), struct.calcsize(layout)
        data, interface = b"", None
        if kind == SECTION:
            assert fields == (0x1a2b3c4d, 1, 0, -1)
        if kind == INTERFACE:
            assert fields[1] == 0
        if kind in (PACKET, STATISTICS):
            interface = interfaces[fields[0]]
        if kind == PACKET:
            data, at = self.padded(body, at, fields[3])
            assert len(data) <= interface.fields[2] and len(data) <= fields[4]
        return Block(kind, dict(self.options(kind, body, at)), fields, data, interface)

    @staticmethod
    def padded(body, at, length):
        end = at + length
        assert end + -length % 4 <= len(body) and not any(body[end:end + -length % 4])
        return body[at:end], end + -length % 4

    def options(self, kind, body, at):
        seen, code = set(), 0
        while at < len(body):
            code, length = struct.unpack_from("=HH", body, at)
            value, at = self.padded(body, at + 4, length)
            assert code not in seen
            seen.add(code)
            if not code:
                assert not length and at == len(body)
            elif code in TEXTS[kind]:
                assert value
                yield TEXTS[kind][code], value.decode()     # strict: must be valid UTF-8
            elif code in TIMES.get(kind, {}):
                high, low = struct.unpack("=II", value)
                yield TIMES[kind][code], high << 32 | low
            else:
                name, layout = NUMBERS[kind][code]
                yield name, *struct.unpack("=" + layout, value)
        assert not code, "options without their end"
