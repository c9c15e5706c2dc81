"""Damage and malice, by a seed."""
import copy
import json
import struct

# What goes where something else was expected.
ODD = [None, True, False, 0, -1, 1, 2**31, 2**63, -2**70, 10**400, 0.5, -0.0,
       float('nan'), float('inf'), 1e308, '', 'x', '\x00', '\ud800', '../../x',
       '/x', 'javascript:alert(1)', '<script>alert(1)</script>',
       '=cmd|x!A1', '\x1b[2J', 'a' * 5000, [], {}, [[]], [1, 'a'],
       {'a': None}, {'': {}}]


def deep(rng):
    """Lists or dicts in each other."""
    found = 1
    for _ in range(rng.choice([3, 30, 60])):
        found = [found] if rng.random() < 0.5 else {'a': found}
    return found


def value(rng, tree):
    """A tree of JSON with one to three places changed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 3)):
        places = list(_places([tree]))
        holder, key = rng.choice(places)
        kind = rng.random()
        if kind < 0.65:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        elif kind < 0.8:
            holder[key] = deep(rng)
        elif kind < 0.9 and isinstance(holder, dict):
            del holder[key]
        else:
            other, name = rng.choice(places)
            holder[key] = copy.deepcopy(other[name])
        if not isinstance(tree, (dict, list)):
            break
    return tree


def _places(tree):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, inner in items:
        yield tree, key
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def text(rng, tree):
    """JSON of :func:`value`, or bytes of it damaged."""
    raw = json.dumps(value(rng, tree)).encode()
    if rng.random() < 0.1:
        raw = b'[' * 100_000 + raw
    return damaged(rng, raw) if rng.random() < 0.2 else raw


def damaged(rng, raw):
    """Bytes cut, changed, doubled, or with large numbers among them."""
    raw = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not raw:
            break
        at = rng.randrange(len(raw))
        kind = rng.randrange(7)
        if kind == 0:
            raw[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            raw[at] = rng.choice([0, 1, 0x7f, 0x80, 0xff])
        elif kind == 2:
            del raw[at:]
        elif kind == 3:
            del raw[at:at + rng.choice([1, 2, 4, 64])]
        elif kind == 4:
            raw[at:at] = raw[at:at + rng.choice([1, 8, 512])]
        elif kind == 5:
            raw[at:at] = rng.randbytes(rng.choice([1, 4, 32]))
        else:
            code, most = rng.choice([('<I', 2**32 - 1), ('<Q', 2**63 - 1),
                                     ('>I', 2**31 - 1), ('<H', 2**16 - 1)])
            number = struct.pack(code, rng.choice([most, 2**15, 10**4]))
            raw[at:at + len(number)] = number
    return bytes(raw)


# opcodes of pickles, with what follows them
_NAMES = [b'posix\nmkdir\n', b'builtins\neval\n', b'builtins\ngetattr\n',
          b'builtins\nbytearray\n', b'builtins\nbytes\n', b'builtins\nset\n',
          b'builtins\nlist\n', b'builtins\nint\n', b'numpy\nndarray\n',
          b'numpy\ndtype\n', b'numpy.core.multiarray\n_reconstruct\n',
          b'numpy.core.multiarray\nscalar\n', b'builtins\ncomplex\n',
          b'collections\nOrderedDict\n', b'_codecs\nencode\n',
          b'mmengine.logging.history_buffer\nHistoryBuffer\n',
          b'mmengine.config.config\nConfigDict\n', b'os\nsystem\n']


def pickle(rng):
    """A pickle of opcodes at random."""
    out = bytearray(b'\x80' + bytes([rng.choice([2, 2, 4])]))
    for _ in range(rng.randint(1, 40)):
        kind = rng.randrange(12)
        if kind < 3:
            out += rng.choice([b'}', b']', b')', b'(', b'N', b'\x88', b'\x8f',
                               b'K\x05', b'G?\xf0\0\0\0\0\0\0'])
        elif kind < 5:
            word = rng.choice([b'data_list', b'metainfo', b'f8', b'O8', b'<',
                               b'U9', b'latin1', b'mean', b'x' * 8])
            out += rng.choice([b'X' + struct.pack('<I', len(word)),
                               b'U' + bytes([len(word)])]) + word
        elif kind == 5:
            out += rng.choice([b'J', b'r', b'j']) + struct.pack(
                '<i', rng.choice([0, 1, 5, 2**16, 2**28, 2**31 - 1]))
        elif kind == 6:
            out += rng.choice([b'\x8a\x05', b'\x8e', b'B']) + (
                struct.pack('<Q', rng.choice([8, 2**33, 2**62])))
        elif kind == 7:
            out += b'c' + rng.choice(_NAMES)
        elif kind == 8:
            out += b'q' + bytes([rng.randrange(4)])
        elif kind == 9:
            out += b'h' + bytes([rng.randrange(4)])
        else:
            out += rng.choice([b'R', b'b', b'\x81', b's', b'u', b'a', b'e',
                               b't', b'\x85', b'\x86', b'\x87', b'\x90', b'0',
                               b'2', b'l', b'd'])
    return bytes(out) + b'.'
