"""Draw the loss over training from log.csv.

    python plot.py LOG.csv OUT.svg
"""

import csv
import sys

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "upbeat"
import matplotlib.pyplot as plt

TOKENS_PER_STEP = 16 * 512


def main() -> None:
    with open(sys.argv[1]) as file:
        # After an interruption some steps are there twice; the later ones count.
        rows = list({int(row[0]): row for row in csv.reader(file) if row}.values())
    rows.sort(key=lambda row: int(row[0]))
    millions = [int(row[0]) * TOKENS_PER_STEP / 1e6 for row in rows]
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(millions, [float(row[1]) for row in rows], color="#9bb8d3", label="training, mean of 20 steps")
    held_out = [(x, float(row[2])) for x, row in zip(millions, rows) if row[2]]
    axes.plot(*zip(*held_out), color="#1f4e79", marker="o", markersize=3, label="held out")
    axes.set(xlabel="million tokens", ylabel="loss in nats per token", title="Training of story-2m")
    axes.set_yscale("log")
    ticks = [0.5, 0.6, 0.7, 0.8, 1, 1.5, 2, 3, 5, 7]
    low = min(float(row[1]) for row in rows) * 0.95
    axes.set_yticks([tick for tick in ticks if tick >= low], [str(tick) for tick in ticks if tick >= low])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
