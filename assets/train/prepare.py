"""Write the corpus, train the tokenizer on it, and pack the tokens into rows for training.

    python prepare.py OUT [DOCUMENTS]

OUT gets tokenizer.json and rows of 513 token ids with whole documents in them, one behind the other, with PAD for what is
left of a row: train_1.npy and held_out_1.npy of the first part of the corpus, and so on for the others.
"""

import json
import sys
from itertools import chain
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from corpus import ASSISTANT, BEGIN, END, PARTS, USER, document, is_held_out
from grammar import NUMBERS
from names import USUAL

VOCABULARY = 2048
ROW = 513
PAD = 65535
DOCUMENTS_2, DOCUMENTS_3, DOCUMENTS_4 = 160_000, 60_000, 12_000
#: Documents that the tokenizer is trained on.
TOKENIZER_DOCUMENTS = 20_000
TOKENIZER_NUMBERS = 1_000
#: Rows that are open at the same time while packing.
OPEN_ROWS = 64


def train_tokenizer(documents) -> Tokenizer:
    """Byte-level BPE; digits one by one; `<|begin|>` before every text.

    A space before a capital letter is a token of its own, so that a name has the same tokens wherever it stands.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(" (?=[A-Z])"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [BEGIN, END, USER, ASSISTANT]
    # Enough of every number in words that each becomes one token, with and without a capital letter.
    numbers = [f"{word} {word.capitalize()}" for word in NUMBERS] * TOKENIZER_NUMBERS
    tokenizer.train_from_iterator(
        chain(documents, numbers),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    begin = tokenizer.token_to_id(BEGIN)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, begin)]
    )
    return tokenizer


def with_names(tokenizer: Tokenizer, names: list[str]) -> Tokenizer:
    """The tokenizer with one more token for each name that was two, behind all others."""
    state = json.loads(tokenizer.to_str())
    for name in names:
        pieces = tokenizer.encode(name, add_special_tokens=False).tokens
        if len(pieces) == 2:
            state["model"]["merges"].append(pieces)
            state["model"]["vocab"][name] = len(state["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(state))


def pack(documents: list[list[int]]) -> np.ndarray:
    """Put documents into rows: each into the fullest open row that has room."""
    closed, rows = [], []
    for ids in documents:
        if len(ids) > ROW:
            continue
        fitting = [row for row in rows if len(row) + len(ids) <= ROW]
        if fitting:
            max(fitting, key=len).extend(ids)
            continue
        if len(rows) == OPEN_ROWS:
            fullest = max(rows, key=len)
            rows.remove(fullest)
            closed.append(fullest)
        rows.append(list(ids))
    closed += rows
    packed = np.full((len(closed), ROW), PAD, dtype=np.uint16)
    for at, row in enumerate(closed):
        packed[at, : len(row)] = row
    return packed


def write_rows(out: Path, name: str, texts: list[str], tokenizer: Tokenizer) -> None:
    """Pack the documents and write their rows, shuffled."""
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    rows = pack(encoded)
    np.random.default_rng(0).shuffle(rows)
    np.save(out / f"{name}.npy", rows)
    tokens = int((rows != PAD).sum())
    print(f"{name}: {len(texts)} documents, {len(set(texts))} distinct, {tokens} tokens, {len(rows)} rows", flush=True)
    dropped = sum(len(ids) > ROW for ids in encoded)
    print(f"  {dropped} documents too long, {sum(map(len, texts)) / sum(map(len, encoded)):.2f} characters per token")


def main() -> None:
    out = Path(sys.argv[1])
    amount = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    out.mkdir(parents=True, exist_ok=True)
    for part, documents in ((1, amount), (2, DOCUMENTS_2), (3, DOCUMENTS_3), (4, DOCUMENTS_4)):
        first = PARTS[part]
        with Pool() as pool:
            texts = pool.map(document, range(first, first + documents), chunksize=500)
        training = [text for index, text in enumerate(texts, first) if not is_held_out(index)]
        # The first part is written in these tokens, the others have some names in addition.
        if part == 1:
            tokenizer = train_tokenizer(training[:TOKENIZER_DOCUMENTS])
        elif part == 2:
            tokenizer = with_names(tokenizer, USUAL["f"] + USUAL["m"])
            tokenizer.save(str(out / "tokenizer.json"))
        print(f"{sum(map(len, texts)) / 1e6:.1f} MB of text")
        write_rows(out, f"train_{part}", training, tokenizer)
        write_rows(out, f"held_out_{part}", [text for index, text in enumerate(texts, first) if is_held_out(index)], tokenizer)


if __name__ == "__main__":
    main()
