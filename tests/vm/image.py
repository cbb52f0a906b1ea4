#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""usage: image.py VMLINUZ IMAGE BTF

Writes the kernel of VMLINUZ uncompressed to IMAGE, and its BTF, as in /sys/kernel/btf/vmlinux, to BTF.
"""
import lzma
import pathlib
import struct
import subprocess
import sys
import zlib


def zstd(data):
    done = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True)
    if done.returncode:
        raise ValueError(f"zstd cannot unpack it: {done.stderr.decode().strip()}")
    return done.stdout


DECOMPRESS = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data),
    b"\x28\xb5\x2f\xfd": zstd,
}


def uncompressed(data):
    """What is in a vmlinuz: for x86-64 an ELF file, for arm64 an Image."""
    if data[0x202:0x206] == b"HdrS":        # x86: Documentation/arch/x86/boot.rst
        offset, length = struct.unpack_from("<II", data, 0x248)
        offset += ((data[0x1f1] or 4) + 1) * 512
        length -= 4                         # the last four bytes are the size of what is packed
    elif data[4:8] == b"zimg":              # an EFI program that unpacks itself
        offset, length = struct.unpack_from("<II", data, 8)
    elif data[0x38:0x3c] == b"ARM\x64":
        return data
    elif data[:2] == b"\x1f\x8b":
        return uncompressed(DECOMPRESS[data[:2]](data))
    else:
        raise ValueError("it is no kernel of x86-64 or arm64")
    packed = data[offset:offset + length]
    for magic, decompress in DECOMPRESS.items():
        if packed.startswith(magic):
            return decompress(packed)
    raise ValueError(f"its compression is not known: it begins with {packed[:6].hex()}")


def btf(image):
    """The kernel's BTF: there may be other bytes that look like the header."""
    magic = struct.pack("<HBB", 0xeb9f, 1, 0)
    at = -1
    while (at := image.find(magic, at + 1)) >= 0:
        header, types, types_size, strings, strings_size = struct.unpack_from("<5I", image, at + 4)
        end = at + header + strings + strings_size
        text = image[at + header + strings:end]
        if 24 <= header <= 256 and types + types_size <= strings and end <= len(image) \
                and text[:1] == text[-1:] == b"\0" and b"\0task_struct\0" in text:
            return image[at:end]
    raise ValueError("it has no BTF")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        image = uncompressed(pathlib.Path(sys.argv[1]).read_bytes())
        pathlib.Path(sys.argv[2]).write_bytes(image)
        pathlib.Path(sys.argv[3]).write_bytes(btf(image))
    except (OSError, ValueError, struct.error, lzma.LZMAError, zlib.error) as error:
        sys.exit(f"image.py: {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
