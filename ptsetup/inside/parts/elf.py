"""A reader of ELF files as far as the dynamic loader reads them: needed libraries, run paths, symbols. Pure, bounded, by mmap."""

import mmap
import os
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_GNU_HASH = 1, 5, 6, 14, 15, 29, 0x6FFFFEF5

SYMBOLS_LIMIT = 200000
"""A module that asks for more symbols than this is not looked at."""

WEAK = 2


ENTRIES_LIMIT = 4096
"""Entries of a dynamic section, and of one chain of the hash table; a damaged file must not keep us for minutes."""


class NotElf(Exception):
    """No 64-bit little-endian ELF file, or a damaged one."""


DAMAGED = (NotElf, OSError, ValueError, IndexError, TypeError, struct.error)
"""What reading a file that is no whole ELF file may raise."""


class Elf:
    """One shared library or program, mapped and not read: only the pages that are asked for come from the disk."""

    def __init__(self, path):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 64:
                raise NotElf("%s is too short" % path)
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.data[:6] != b"\x7fELF\x02\x01":
            self.close()
            raise NotElf("%s is no 64-bit little-endian ELF file" % path)
        try:
            self._segments()
        except (struct.error, IndexError, ValueError) as problem:
            self.close()
            raise NotElf("%s: %s" % (path, problem))

    def close(self):
        self.data.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _segments(self):
        (offset,) = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        self.loads, self.dynamic, self.interpreter = [], [], None
        dynamic = None
        for number in range(count):
            kind, _, start, address, _, length, _, _ = struct.unpack_from(
                "<IIQQQQQQ", self.data, offset + number * size
            )
            if kind == PT_LOAD:
                self.loads.append((address, length, start))
            elif kind == PT_DYNAMIC:
                dynamic = (start, length)
            elif kind == PT_INTERP:
                self.interpreter = self.data[start : start + length].rstrip(b"\0").decode("utf-8", "replace")
        if dynamic is not None:
            for place in range(dynamic[0], dynamic[0] + min(dynamic[1], ENTRIES_LIMIT * 16), 16):
                tag, value = struct.unpack_from("<qQ", self.data, place)
                if tag == 0:
                    break
                self.dynamic.append((tag, value))

    def _place(self, address):
        """Position in the file of an address in memory."""
        for start, length, offset in self.loads:
            if start <= address < start + length:
                return address - start + offset
        raise NotElf("address %x is in no segment" % address)

    def value(self, tag):
        return next((value for name, value in self.dynamic if name == tag), None)

    def _string(self, offset):
        base = self._place(self.value(DT_STRTAB)) + offset
        return self.data[base : self.data.find(b"\0", base)]

    def strings(self, tag):
        """Texts of all entries of one kind: names of needed libraries, run paths."""
        return [self._string(value).decode("utf-8", "replace") for name, value in self.dynamic if name == tag]

    @property
    def soname(self):
        return next(iter(self.strings(DT_SONAME)), None)

    @property
    def rpath_kind(self):
        """``RUNPATH`` (searched after LD_LIBRARY_PATH), ``RPATH`` (before it), None: neither."""
        if self.value(DT_RUNPATH) is not None:
            return "RUNPATH"
        return "RPATH" if self.value(DT_RPATH) is not None else None

    def undefined(self, prefixes):
        """Names of symbols that others must bring (weak ones need not be there), of those with one of the prefixes."""
        table, count = self._table()
        if count > SYMBOLS_LIMIT:
            return []
        strings = self._place(self.value(DT_STRTAB))
        found = []
        for name, info, _, section, _, _ in struct.iter_unpack("<IBBHQQ", self.data[table : table + count * 24]):
            if section == 0 and name and info >> 4 != WEAK:
                start = strings + name
                if self.data[start : start + 8].startswith(prefixes):
                    found.append(self.data[start : self.data.find(b"\0", start)])
        return found

    def _table(self):
        """Place and length of the symbol table. Its length is not written down: the string table follows it, as all linkers do it."""
        table, strings = self.value(DT_SYMTAB), self.value(DT_STRTAB)
        if table is None or strings is None or strings <= table:
            raise NotElf("no symbol table")
        return self._place(table), (strings - table) // 24

    def exports(self):
        """A function that tells whether a symbol (bytes) with its hash is defined here, by the loader's own hash table."""
        place = self.value(DT_GNU_HASH)
        if place is None:
            raise NotElf("no GNU hash table")
        start = self._place(place)
        buckets, first, blooms, shift = struct.unpack_from("<IIII", self.data, start)
        bloom_at = start + 16
        bucket_at = bloom_at + blooms * 8
        chain_at = bucket_at + buckets * 4
        table, strings, data = self._place(self.value(DT_SYMTAB)), self._place(self.value(DT_STRTAB)), self.data

        def has(name, number):
            (word,) = struct.unpack_from("<Q", data, bloom_at + (number // 64 % blooms) * 8)
            if not (word >> number % 64) & (word >> (number >> shift) % 64) & 1:
                return False
            (index,) = struct.unpack_from("<I", data, bucket_at + number % buckets * 4)
            last = index + ENTRIES_LIMIT
            while first <= index < last:
                (chained,) = struct.unpack_from("<I", data, chain_at + (index - first) * 4)
                if chained | 1 == number | 1:
                    (offset,) = struct.unpack_from("<I", data, table + index * 24)
                    place = strings + offset
                    if data[place : place + len(name) + 1] == name + b"\0":
                        return True
                if chained & 1:
                    return False
                index += 1
            return False

        return has


def gnu_hash(name):
    """The loader's hash of a symbol's name."""
    number = 5381
    for letter in name:
        number = (number * 33 + letter) & 0xFFFFFFFF
    return number
