"""Train the model on the rows of prepare.py.

    python train.py DATA OUT --part PART --steps N [--workers N] [--keep N]

Every worker is a process with one thread. A step's rows are cut into parts, and the workers take parts until none is
left, so that a core that is busy with something else costs little. OUT gets checkpoint.pt, from which the same command
goes on, and log.csv. The others go on from the checkpoint of the part before; their steps are counted from there.
`--keep N` keeps a copy of every Nth step's checkpoint. The numbers of steps are multiples of 20.
"""

import argparse
import csv
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F

from model import Llama, Shape
from names import PETS, USUAL
from prepare import PAD

BEGIN_ID, END_ID = 0, 1
ROWS_PER_PART = 4
PARTS = 4
#: Learning rates of the matrices and of everything else.
MATRIX_RATE, OTHER_RATE = 7e-3, 3e-3
WARM_UP = 60
#: The last of part 3, in which the learning rate falls to zero; where part 4 begins once more.
DECAY, AGAIN = 0.5, 0.35
#: How names lean at the beginning of part 3: to what, and how much of the difference each gets.
LEANING = (("girl", "boy", 0.2), ("she", "he", 0.6), ("her", "his", 0.5))
EVALUATE_EVERY = 100
SEED = 1


def inputs_and_targets(rows: np.ndarray):
    """Token ids and what follows them; nothing is learned at padding and from one document to the next."""
    rows = torch.from_numpy(rows.astype(np.int64))
    targets = rows[:, 1:].masked_fill((rows[:, 1:] == PAD) | (rows[:, 1:] == BEGIN_ID), -100)
    return rows[:, :-1].masked_fill(rows[:, :-1] == PAD, END_ID), targets


def loss_of(model: Llama, ids: torch.Tensor, targets: torch.Tensor, reduction: str) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction, ignore_index=-100)


def rate(step: int, first: int, part: int, steps: int) -> float:
    """What the learning rates are multiplied with: warm-up, constant, linear decay in part 3, and again in part 4."""
    if part < 3:
        return min(1.0, (step + 1) / WARM_UP)
    if part == 4:
        return AGAIN * (first + steps - step) / steps
    return min(1.0, (first + steps - step) / max(1, int(steps * DECAY)))


def grow(state: dict, tokenizer: dict) -> None:
    """Rows of the embeddings for the tokens that the tokenizer got after part 1: the mean of the two that they merge."""
    vocabulary, merges = tokenizer["model"]["vocab"], tokenizer["model"]["merges"]
    embeddings = state["model"]["model.embed_tokens.weight"]
    new = len(vocabulary) - len(embeddings)
    if new == 0:
        return
    rows = [embeddings[[vocabulary[piece] for piece in merge]].mean(dim=0) for merge in merges[-new:]]
    state["model"]["model.embed_tokens.weight"] = torch.cat([embeddings, torch.stack(rows)])
    for optimizer in state["optimizers"]:
        for values in optimizer["state"].values():
            for name, value in values.items():
                if value.shape == embeddings.shape:
                    values[name] = torch.cat([value, torch.zeros(new, value.shape[1])])


def lean(state: dict, tokenizer: dict) -> None:
    """Move the rows of girls' names towards those of words for girls, and of boys' names likewise.

    While the rows are alike, layers that tell girls from boys gain nothing, and while no layer does, rows that differ gain
    nothing; so it takes long until that begins by itself.
    """
    vocabulary, embeddings = tokenizer["model"]["vocab"], state["model"]["model.embed_tokens.weight"]
    row = lambda word: embeddings[vocabulary["Ġ" + word]]
    towards_girls = sum(amount * (row(a) - row(b)) for a, b, amount in LEANING)
    for gender, sign in (("f", 1), ("m", -1)):
        for name in USUAL[gender] + PETS[gender]:
            if name in vocabulary:
                embeddings[vocabulary[name]] += sign * towards_girls


def held_out_loss(model: Llama, rows: np.ndarray) -> float:
    """Mean loss per token, in nats."""
    total, tokens = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(rows), ROWS_PER_PART):
            part = rows[start : start + ROWS_PER_PART]
            ids, targets = inputs_and_targets(part)
            total += loss_of(model, ids, targets, "sum").item()
            tokens += int((targets != -100).sum())
    return total / tokens


def optimizers(model: Llama):
    """Muon for the matrices between the embeddings, AdamW for everything else."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() < 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def work(worker: int, args, model: Llama, gradients: torch.Tensor, losses: torch.Tensor, part, barrier) -> None:
    """One process of training; the first also updates the weights, which all share."""
    torch.set_num_threads(1)
    # A compiled step takes three fifths of the time. It needs a C++ compiler.
    compiled = torch.compile(loss_of)
    rows = np.load(args.data / f"train_{args.part}.npy", mmap_mode="r")
    held_out = np.load(args.data / f"held_out_{args.part}.npy")
    parameters = list(model.parameters())
    batch = ROWS_PER_PART * PARTS
    order = np.random.default_rng(SEED).permutation(len(rows))
    checkpoint = args.out / "checkpoint.pt"
    if worker == 0:
        optimizer = optimizers(model)
        if checkpoint.exists():
            state = torch.load(checkpoint)
            begins = args.part > state.get("part", 1)
            if begins and args.part == 2:
                grow(state, args.tokenizer)
            if begins and args.part == 3:
                lean(state, args.tokenizer)
            with torch.no_grad():
                for name, value in model.named_parameters():
                    value.copy_(state["model"][name])
            for one, saved in zip(optimizer, state["optimizers"]):
                one.load_state_dict(saved)
            args.start.value = state["step"]
            args.first.value = state["step"] if begins else state["first"]
            args.seconds = state["seconds"]
        log = open(args.out / "log.csv", "a", newline="")
        writer = csv.writer(log)
    barrier.wait()
    start, first = args.start.value, args.first.value
    begun, last, loss_sum = time.time(), time.time(), 0.0
    end = first + args.steps
    for step in range(start, end):
        tokens = [0]
        losses[worker] = 0.0
        while True:
            with part.get_lock():
                mine = part.value
                part.value += 1
            if mine >= PARTS:
                break
            at = (step - first) * batch + mine * ROWS_PER_PART
            chosen = rows[order[np.arange(at, at + ROWS_PER_PART) % len(rows)]]
            loss = compiled(model, *inputs_and_targets(chosen), "mean") / PARTS
            loss.backward()
            losses[worker] += loss.item()
        at = 0
        for parameter in parameters:
            size = parameter.numel()
            if parameter.grad is None:
                gradients[worker, at : at + size] = 0
            else:
                gradients[worker, at : at + size] = parameter.grad.flatten()
            parameter.grad = None
            at += size
        barrier.wait()
        if worker == 0:
            flat = gradients.sum(dim=0)
            flat *= min(1.0, 1.0 / (flat.norm().item() + 1e-6))
            at = 0
            for parameter in parameters:
                parameter.grad = flat[at : at + parameter.numel()].view_as(parameter)
                at += parameter.numel()
            for one, peak in zip(optimizer, (MATRIX_RATE, OTHER_RATE)):
                for group in one.param_groups:
                    group["lr"] = peak * rate(step, first, args.part, args.steps)
                one.step()
            for parameter in parameters:
                parameter.grad = None
            loss_sum += losses.sum().item()
            part.value = 0
            if (step + 1) % 20 == 0:
                now = time.time()
                speed = 20 * batch * 512 / (now - last)
                print(f"step {step + 1}/{end} loss {loss_sum / 20:.4f} {speed:.0f} tokens/s", flush=True)
                row = [step + 1, f"{loss_sum / 20:.5f}", "", f"{args.seconds + now - begun:.0f}"]
                if (step + 1) % EVALUATE_EVERY == 0 or step + 1 == end:
                    row[2] = f"{held_out_loss(model, held_out if step + 1 == end else held_out[:32]):.5f}"
                    print(f"held out: {row[2]}", flush=True)
                    temporary = checkpoint.with_suffix(".new")
                    torch.save(
                        {
                            "model": {name: value.detach().clone() for name, value in model.named_parameters()},
                            "optimizers": [one.state_dict() for one in optimizer],
                            "step": step + 1,
                            "part": args.part,
                            "first": first,
                            "seconds": args.seconds + time.time() - begun,
                        },
                        temporary,
                    )
                    temporary.replace(checkpoint)
                    if args.keep and (step + 1) % args.keep == 0:
                        shutil.copy(checkpoint, args.out / f"step-{step + 1}.pt")
                writer.writerow(row)
                log.flush()
                loss_sum, last = 0.0, time.time()
        barrier.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", type=int, choices=(1, 2, 3, 4), default=1, help="of the corpus and of the training")
    parser.add_argument("--steps", type=int, default=1800, help="of this part")
    parser.add_argument("--keep", type=int, default=0, help="keep every Nth step's checkpoint")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    args.seconds = 0.0
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    args.tokenizer = json.loads((args.data / "tokenizer.json").read_text())
    vocabulary = len(args.tokenizer["model"]["vocab"])
    model = Llama(Shape() if args.part == 1 else replace(Shape(), vocabulary=vocabulary))
    model.share_memory()
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"{size} parameters", flush=True)
    context = multiprocessing.get_context("fork")
    args.start, args.first = context.Value("i", 0), context.Value("i", 0)
    gradients = torch.zeros(args.workers, size).share_memory_()
    losses = torch.zeros(args.workers).share_memory_()
    part, barrier = context.Value("i", 0), context.Barrier(args.workers)
    others = [
        context.Process(target=work, args=(worker, args, model, gradients, losses, part, barrier))
        for worker in range(1, args.workers)
    ]
    for other in others:
        other.start()
    work(0, args, model, gradients, losses, part, barrier)
    for other in others:
        other.join()


if __name__ == "__main__":
    main()
