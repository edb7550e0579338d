"""Writes codebooks.json: the code books of the IQ types, as digits, from the Python package gguf (pip install gguf)."""

import json
import pathlib

from gguf import quants

books = {}
for name in ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"):
    kind = getattr(quants, name)
    kind.init_grid()
    levels = list(kind.grid_map)
    books[name.lower()] = "".join(str(levels.index(int(value))) for value in kind.grid.reshape(-1))
pathlib.Path(__file__).with_name("codebooks.json").write_text(json.dumps(books, indent=2) + "\n")
