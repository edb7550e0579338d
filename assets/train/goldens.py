"""Golden continuations and token ids, by PyTorch, transformers and tokenizers: what the engine is tested against.

    python goldens.py FOLDER OUT.json
"""

import json
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, LlamaForCausalLM

LONGEST = 160
#: Where another order of summation may choose another token.
TIE = 1e-3
PROMPTS = [
    "", "O", "Once upon a time", "Once upon a time, there was a brave mouse named Pip.", "One day, a little girl named Zylphia lost her red ball.",
    "Mia had three apples.", "It was a cold winter morning.", "The old lighthouse keeper", "In a small house by the river, there lived",
    "Grandmother gave Tom a tiny seed.", "\"Where is my hat?\" asked Ben.", "Long ago, in a castle with seven towers,", "A fox and a crow were neighbours.",
    "Qwertius the dragon was afraid of the dark.", "Nobody in the village", "Anna went to the market. She had ten coins.", "The wind blew hard.\n\nMax held on to his kite.",
    "One night, Lena heard a strange noise", "Tom and Ada found a golden key in the forest.", "There was once a robot who wanted to dance.", "Every morning, Otto the baker",
    "Snow was falling quietly.", "Finn had a dear friend, a hedgehog named Dot.", "Naïve café – 42 stones",
    "Once upon a time, there was a child named Kazimir.", "Brunhilda the mouse wanted to learn to swim.",
]
CHATS = [
    [("user", "Tell me a story about a fox.")],
    [("user", "Tell me a story about a fox named Qwelzin.")],
    [("user", "What is three plus two?")],
    [("user", "What is 7 + 8?")],
    [("user", "Zylphia has a red ball. Thaddeus has a blue kite. Who has the kite?")],
    [("user", "Tom has a red ball. Anna has a blue kite. Who has the kite?")],
    [("user", "Hello!"), ("assistant", "Hello! Shall I tell you a story?"), ("user", "What is the opposite of big?")],
]
TEXTS = [
    "", " ", "Once upon a time", "  two  spaces", "Mia's cat, isn't it?", "12 + 30 = 42", "\"Hello!\" she said.\n\nThen\tshe left.\r\n", "naïve café – “quotes” …", "日本語 🦊👩‍🚀", "ÄÖÜ\u0301",
    "<|begin|>text<|end|>", "<|user|>Hi<|assistant|>", "Zylphia Qwertius", "A" * 40, "don't DON'T 'tis", "line\n\n\nbreaks", "\u00a0nbsp\u2003em", "tail ",
    " A", "  Two  Spaces  Before", "Zylphia, \"Zylphia\" and Zylphia\n\nZylphia", " Élan É a B",
]


def greedy(model, ids: list[int], amount: int) -> tuple[list[int], list[float]]:
    """The likeliest tokens, to the end token or `amount`, and by how much each was ahead."""
    end = model.config.eos_token_id
    chosen, margins = [], []
    with torch.no_grad():
        past, feed = None, torch.tensor([ids])
        while len(chosen) < amount and (not chosen or chosen[-1] != end):
            out = model(feed, past_key_values=past, use_cache=True)
            past = out.past_key_values
            (first, second), indices = out.logits[0, -1].topk(2)
            chosen.append(int(indices[0]))
            margins.append(round(float(first - second), 5))
            feed = torch.tensor([[chosen[-1]]])
    return chosen, margins


def main() -> None:
    folder, out = sys.argv[1:3]
    torch.set_num_threads(1)
    # Weights are BF16 in the file, the computation is in F32.
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    chat = AutoTokenizer.from_pretrained(folder)
    cases = []
    inputs = [(prompt, None, tokenizer.encode(prompt).ids) for prompt in PROMPTS]
    for turns in CHATS:
        messages = [{"role": role, "content": content} for role, content in turns]
        text = chat.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs.append((None, messages, tokenizer.encode(text, add_special_tokens=False).ids))
    for prompt, messages, ids in inputs:
        tokens, margins = greedy(model, ids, LONGEST)
        near = next((at for at, margin in enumerate(margins) if margin < 2 * TIE), None)
        if near is not None:
            print(f"cut at a near tie, {margins[near]} at token {near} of {len(tokens)}: {prompt or messages}")
            tokens, margins = tokens[:near], margins[:near]
        source = {"prompt": prompt} if messages is None else {"messages": messages}
        text = tokenizer.decode(tokens)
        case = {"promptIds": ids, "tokenIds": tokens, "smallestMargin": min(margins), "text": text}
        cases.append({**source, **case})
        print(f"--- {prompt or messages}\n{text}\n    {len(tokens)} tokens, margin {min(margins)}")
    texts = [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS]
    result = {"parameters": sum(p.numel() for p in model.parameters()), "cases": cases, "texts": texts}
    with open(out, "w") as file:
        lines = lambda items: ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in items)
        file.write(f'{{\n  "parameters": {result["parameters"]},\n  "cases": [\n    {lines(cases)}\n  ],\n  "texts": [\n    {lines(texts)}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
