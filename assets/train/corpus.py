"""The corpus: documents by number, each the same on every machine.

    python corpus.py 5            # prints the first documents
"""

import random
import sys

from chat import conversation
from name_pages import page_of_names
from names import Mix
from sums import list_of_sums
from tell import tell

BEGIN, END, USER, ASSISTANT = "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"
#: Every 64th document is kept from training.
HELD_OUT = 64
#: Where the parts of the corpus begin: part 1 has mostly invented names, part 2 mostly usual ones and more questions, part 3
#: more sums and pages of names as well; part 4 is part 3 with a simpler contest.
PARTS = {1: 0, 2: 1_000_000, 3: 2_000_000, 4: 3_000_000}


def is_held_out(index: int) -> bool:
    return index % HELD_OUT == HELD_OUT - 1


def part_of(index: int) -> int:
    return max(part for part, first in PARTS.items() if index >= first)


def document(index: int) -> str:
    """A document with its special tokens: a story, a conversation, or a page of sums."""
    Mix.part = part_of(index)
    # Spread so that what is held out has all kinds, too.
    kind = (index + 7 * (index // HELD_OUT)) % 50
    if Mix.part > 2 and kind in (23, 35, 47):
        turns = [page_of_names(random.Random(f"names {index}"))]
    elif kind == 0:
        return f"{BEGIN}{list_of_sums(random.Random(f'sums {index}'))}{END}"
    elif kind < (25 if Mix.part == 1 else 22):
        return f"{BEGIN}{tell(f'story {index}').text()}{END}"
    else:
        turns = conversation(f"talk {index}")
    return BEGIN + "".join(f"{USER}{question}{ASSISTANT}{answer}{END}" for question, answer in turns)


if __name__ == "__main__":
    for index in range(int(sys.argv[1])):
        print(document(index), end="\n\n")
