"""Names that no file may have, and names that look bad and are none of it: one table for all who take names."""

from __future__ import annotations

from hypothesis import strategies as st

# What no part of a path may be.
HOSTILE_PARTS = {
    "empty": "",
    "here": ".",
    "up": "..",
    "slash": "a/b",
    "absolute": "/etc",
    "backslash": "a\\b",
    "up with backslashes": "..\\..\\secret",
    "share": "\\\\server\\share",
    "drive": "C:",
    "drive relative": "c:secret",
    "NUL": "a\x00.png",
    "newline": "a\nb",
    "carriage return": "a\r\nX-Evil: 1",
    "escape": "\x1b[31m",
    "tab": "a\tb",
    "delete": "a\x7f",
    "second control set": "a\x85",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "half a surrogate pair": "a\ud800",
    "device": "CON",
    "device with an extension": "nul.png",
    "device with two extensions": "Aux.tar.gz",
    "device with a space": "prn .txt",
    "numbered device": "com1",
    "superscript device": "LPT².txt",
    "console": "conin$",
    "too long": "a" * 256,
    "too long in UTF-8": "é" * 128,
    "text turned around": "cat\u202egnp.exe",
    "text isolated": "\u2066a\u2069.png",
    "up with a two dot leader": "\u2025",
    "up with full-width dots": "\uff0e\uff0e",
    "up with one dot leaders": "\u2024\u2024",
    "here with a one dot leader": "\u2024",
    "up with a full-width slash": "..\uff0fsecret",
    "up with a division slash": "a\u2215..\u2215secret",
    "up with a fraction slash": "\uff0e\uff0e\u2044secret",
    "up with a full-width backslash": "..\uff3csecret",
    "absolute with a full-width slash": "\uff0fetc",
    "drive in full width": "\uff23\uff1asecret",
    "device in full width": "\uff23\uff2f\uff2e",
}

HOSTILE_SUBFOLDERS = {
    "root": "/",
    "absolute": "/etc",
    "up": "..",
    "up and over": "a/../../etc",
    "up at the end": "a/..",
    "here": "./a",
    "double slash": "a//b",
    "trailing slash": "a/",
    "too long": "/".join(["a" * 100] * 30),
    "too deep": "/".join("a" * 65),
} | {f"part: {what}": f"a/{part}" for what, part in HOSTILE_PARTS.items() if what not in ("slash", "absolute")}

# What people may call their files.
HONEST_PARTS = [
    "a.png",
    ".hidden",
    "...",
    "a..b.png",
    "-rf",
    "~",
    "$HOME",
    "%2e%2e%2f",
    "%date:yyyy-MM-dd%_00001_.png",
    "v1.2.final",
    "é 漢 x",
    "👩‍🎨.png",
    "console.png",
    "com10",
    "null",
    "name [output]",
    "e\u0301",  # as macOS writes é
    "全角／スラッシュ：題.png",
    "℅ 5½.png",
    "\u200eWhatsApp Image.jpeg",
    "می\u200cخواهم",
    "A",
    "a",
    'quote".txt',
    "a" * 255,
]

#: Parts of paths, hostile and honest, for fuzzing.
PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "/", "\\", "C:", "~", "a", "\x00", "..\\", "CON"]),
    st.sampled_from(sorted({*HOSTILE_PARTS.values(), *HONEST_PARTS})),
    st.text(st.characters(), max_size=6),
)

#: Paths of such parts.
SPELLINGS = st.lists(PARTS, max_size=6).map("/".join)
