"""The default run of the sandbox in PyTorch, on one thread: a plain loop, as one would write it.

Started by `sandbox.py` with a Python that has PyTorch; reads a number of epochs per line, and answers with
the seconds they took and the loss and accuracy at their end.
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional

P, LENGTH, K, D, WIDTH, BATCH, RATE = 2, 12, 5, 2, 32, 32, 3e-3


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(P + 1, D))
        self.positions = nn.Parameter(torch.randn(LENGTH, D))
        self.query = nn.Parameter((2 * torch.rand(D) - 1) / math.sqrt(D))
        self.value = nn.Linear(D, D, bias=False)
        self.up = nn.Linear(D, WIDTH)
        self.down = nn.Linear(WIDTH, D)

    def forward(self, x):
        z = norm(self.tokens[x] + self.positions)
        attention = functional.softmax(z @ self.query / math.sqrt(D), dim=-1)
        xi = self.value((attention.unsqueeze(1) @ z).squeeze(1))
        out = xi + self.down(functional.gelu(self.up(norm(xi))))
        return out @ self.tokens.T


def norm(z):
    return z / (z.pow(2).mean(dim=-1, keepdim=True).sqrt() + 1e-5)


def train(n_epochs, evaluate):
    torch.manual_seed(0)
    model = Transformer()
    sets = [torch.randint(0, P, (2048, LENGTH)) for _ in range(2)]
    sets.append((torch.arange(P**LENGTH)[:, None] // P ** torch.arange(LENGTH)) % P)
    labels = [x[:, :K].sum(dim=1) % P for x in sets]
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    began = time.perf_counter()
    for _ in range(n_epochs):
        order = torch.randperm(2048)
        for i in range(0, 2048, BATCH):
            chosen = order[i : i + BATCH]
            loss = functional.cross_entropy(model(sets[0][chosen]), labels[0][chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if evaluate:
            with torch.no_grad():
                right = [
                    (model(x).argmax(dim=1) == y).float().mean() for x, y in zip(sets, labels, strict=True)
                ]
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "loss": loss.item(), "accuracy": right[0].item() if evaluate else None}


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(train(asked["n_epochs"], asked["evaluate"])), flush=True)


if __name__ == "__main__":
    main()
