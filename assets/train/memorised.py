"""How much of what the model writes stands in the corpus word for word.

    python memorised.py TEXTS.json DOCUMENTS

TEXTS.json is an array of generated texts. Prints the share of their runs of eight words that occur in the training
documents, and the same for held-out documents, which the generator wrote but the model never saw.
"""

import json
import re
import sys

from corpus import document, is_held_out

LENGTH = 8


def runs(text: str) -> list[str]:
    words = re.sub(r"<\|\w+\|>", " ", text).split()
    return [" ".join(words[at : at + LENGTH]) for at in range(len(words) - LENGTH + 1)]


def main() -> None:
    amount = int(sys.argv[2])
    generated = [run for text in json.load(open(sys.argv[1])) for run in runs(text)]
    unseen_documents = [document(index) for index in range(amount) if is_held_out(index)][:300]
    unseen = [run for text in unseen_documents for run in runs(text)]
    wanted = set(generated) | set(unseen)
    found = set()
    for index in range(amount):
        if not is_held_out(index):
            found.update(run for run in runs(document(index)) if run in wanted)
    for name, part in (("generated", generated), ("held out", unseen)):
        print(f"{name}: {sum(run in found for run in part) / len(part):.1%} of {len(part)} runs of {LENGTH} words")


if __name__ == "__main__":
    main()
