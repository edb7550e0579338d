"""Write the corpus, train the tokenizer on it, and pack the tokens into rows for training.

    python prepare.py OUT [DOCUMENTS]

OUT gets tokenizer.json, train.npy, held_out.npy and finish.npy: rows of 513 token ids with whole documents in them, one behind the
other; what is left of a row is PAD.
"""

import sys
from itertools import chain
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from corpus import ASSISTANT, BEGIN, END, FINISH, USER, document, is_held_out
from grammar import NUMBERS

VOCABULARY = 2048
ROW = 513
PAD = 65535
FINISH_DOCUMENTS = 20_000
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


def main() -> None:
    out = Path(sys.argv[1])
    amount = int(sys.argv[2]) if len(sys.argv) > 2 else 160_000
    out.mkdir(parents=True, exist_ok=True)
    with Pool() as pool:
        texts = pool.map(document, range(amount), chunksize=500)
        finish = pool.map(document, range(FINISH, FINISH + FINISH_DOCUMENTS), chunksize=500)
    size = sum(len(text) for text in texts)
    training = [text for index, text in enumerate(texts) if not is_held_out(index)]
    held_out = [text for index, text in enumerate(texts) if is_held_out(index)]
    tokenizer = train_tokenizer(training[:TOKENIZER_DOCUMENTS])
    tokenizer.save(str(out / "tokenizer.json"))
    for name, part in (("train", training), ("held_out", held_out), ("finish", finish)):
        encoded = [encoding.ids for encoding in tokenizer.encode_batch(part, add_special_tokens=False)]
        rows = pack(encoded)
        np.random.default_rng(0).shuffle(rows)
        np.save(out / f"{name}.npy", rows)
        tokens = int((rows != PAD).sum())
        print(f"{name}: {len(part)} documents, {len(set(part))} distinct, {tokens} tokens, {len(rows)} rows", flush=True)
        dropped = sum(len(ids) > ROW for ids in encoded)
        print(f"  {dropped} documents too long, {sum(map(len, part)) / sum(map(len, encoded)):.2f} characters per token")
    print(f"{size / 1e6:.1f} MB of text")


if __name__ == "__main__":
    main()
