"""Questions of held-out conversations, for evaluate.ts.

    python held_out_questions.py DOCUMENTS OUT.json
"""

import json
import re
import sys

from corpus import document, is_held_out

AMOUNT = 400
_TURN = re.compile(r"<\|user\|>(.*?)<\|assistant\|>(.*?)<\|end\|>", re.DOTALL)
#: What comes before the last question may not be longer, in characters, so that it fits into the context.
LONGEST = 1200


def main() -> None:
    found = []
    for index in filter(is_held_out, range(int(sys.argv[1]))):
        turns = _TURN.findall(document(index))
        # A question about a story that was told, by either side.
        stories = [at for at, turn in enumerate(turns) if max(map(len, turn)) > 300]
        if not stories or stories[0] == len(turns) - 1 or sum(len(text) for turn in turns for text in turn) > LONGEST:
            continue
        messages = [{"role": role, "content": text} for turn in turns for role, text in zip(("user", "assistant"), turn)]
        if messages[-1]["content"].startswith(("You are welcome", "I am glad")):
            continue
        found.append({"messages": messages[:-1], "answer": messages[-1]["content"]})
    with open(sys.argv[2], "w") as file:
        json.dump(found[:AMOUNT], file)
    print(f"{len(found[:AMOUNT])} questions")


if __name__ == "__main__":
    main()
