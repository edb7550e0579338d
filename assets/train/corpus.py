"""The corpus: documents by number, each the same on every machine.

    python corpus.py 5            # prints the first documents
"""

import random
import sys

from chat import conversation
from names import Mix
from sums import list_of_sums
from tell import tell

BEGIN, END, USER, ASSISTANT = "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"
#: Every 64th document is kept from training.
HELD_OUT = 64
#: From this document on, most names are usual ones: what finishes the training.
FINISH = 1_000_000


def is_held_out(index: int) -> bool:
    return index % HELD_OUT == HELD_OUT - 1


def document(index: int) -> str:
    """A document with its special tokens: a story, a conversation, or a page of sums."""
    Mix.at_the_end = index >= FINISH
    # Spread so that what is held out has all kinds, too.
    kind = (index + 7 * (index // HELD_OUT)) % 50
    if kind == 0:
        return f"{BEGIN}{list_of_sums(random.Random(f'sums {index}'))}{END}"
    if kind < 25:
        return f"{BEGIN}{tell(f'story {index}').text()}{END}"
    turns = conversation(f"talk {index}")
    return BEGIN + "".join(f"{USER}{question}{ASSISTANT}{answer}{END}" for question, answer in turns)


if __name__ == "__main__":
    for index in range(int(sys.argv[1])):
        print(document(index), end="\n\n")
