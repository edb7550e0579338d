"""How much of what the model writes stands in the corpus word for word.

    python memorised.py TEXTS.json DOCUMENTS

TEXTS.json is an array of generated texts. Prints the share of their runs of eight words that occur in the training
documents of all parts, and the same for held-out documents, which the generator wrote but the model never saw.
DOCUMENTS is how many the first part has, as for prepare.py.
"""

import json
import re
import sys

from corpus import PARTS, document, is_held_out
from prepare import DOCUMENTS_2, DOCUMENTS_3, DOCUMENTS_4

LENGTH = 8


def runs(text: str) -> list[str]:
    words = re.sub(r"<\|\w+\|>", " ", text).split()
    return [" ".join(words[at : at + LENGTH]) for at in range(len(words) - LENGTH + 1)]


def main() -> None:
    sizes = {1: int(sys.argv[2]), 2: DOCUMENTS_2, 3: DOCUMENTS_3, 4: DOCUMENTS_4}
    indices = [PARTS[part] + at for part, size in sizes.items() for at in range(size)]
    generated = [run for text in json.load(open(sys.argv[1])) for run in runs(text)]
    unseen_documents = [document(index) for index in indices[-DOCUMENTS_3 - DOCUMENTS_4 :] if is_held_out(index)][:300]
    unseen = [run for text in unseen_documents for run in runs(text)]
    wanted = set(generated) | set(unseen)
    found = set()
    for index in indices:
        if not is_held_out(index):
            found.update(run for run in runs(document(index)) if run in wanted)
    for name, part in (("generated", generated), ("held out", unseen)):
        print(f"{name}: {sum(run in found for run in part) / len(part):.1%} of {len(part)} runs of {LENGTH} words")


if __name__ == "__main__":
    main()
