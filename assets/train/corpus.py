"""The corpus: documents by number, each the same on every machine.

    python corpus.py 5            # prints the first documents
"""

import sys

from chat import conversation
from tell import tell

BEGIN, END, USER, ASSISTANT = "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"
#: Every 64th document is kept from training.
HELD_OUT = 64


def is_held_out(index: int) -> bool:
    return index % HELD_OUT == HELD_OUT - 1


def document(index: int) -> str:
    """A document with its special tokens: a story, or a conversation."""
    if index % 10 < 7:
        return f"{BEGIN}{tell(f'story {index}').text()}{END}"
    turns = conversation(f"talk {index}")
    return BEGIN + "".join(f"{USER}{question}{ASSISTANT}{answer}{END}" for question, answer in turns)


if __name__ == "__main__":
    for index in range(int(sys.argv[1])):
        print(document(index), end="\n\n")
