"""The conditional GAN's speed: photos per second by samples, and training photos per second.

    python -m benchmarks.cgan_speed [--repeats 2]        (or: make bench)

Random weights, on which no time depends. Seconds are those of the fastest of a few runs after one to warm up.

Photos: one call of `Painter.colorize` on a gray photo of 512 x 512 in memory, so without reading, writing and
loading the weights; all samples come out at full size. "generator" is `sample` alone, at the working size.

Training: a step is an update of the discriminator and then one of the generator, each on a batch of its own,
optimizers included, reading photos not; so it sees two batches, and both count. A model that learns without a
discriminator takes one. Every row is a process of its own; its peak memory is that of the whole process with
its libraries.
"""

from __future__ import annotations

import numpy as np
import torch

from autochrome.engine.adversarial import AdversarialTask
from autochrome.engine.optimizer import make_optimizer
from autochrome.engine.recipe import AdversaryRecipe
from autochrome.engine.task import TrainingTask
from autochrome.engine.updates import only_trainable
from autochrome.io.photo import Photo
from autochrome.models.base import AdversarialColorizer
from autochrome.models.registry import create_model, model_spec
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.pipeline.predict import working_shape
from benchmarks.timing import best_time, in_own_process, machine, peak_memory, repeats

MODELS = ("cgan.compact", "cgan.paper")
COUNTS = (1, 4, 8, 16)
SIDE = 512
TRAINING = (
    ("cgan.compact", 32, "32-true"),
    ("cgan.compact", 32, "bf16-mixed"),
    ("cgan.paper", 64, "32-true"),
)
"""Model, photos in a batch, and precision as recipes name it. The paper's batch is its own."""
MB = 10**6


def camera() -> Photo:
    """Return scikit-image's gray picture of 512 x 512."""
    import skimage.data

    return Photo(np.ascontiguousarray(skimage.data.camera()[:SIDE, :SIDE, None]))


@torch.inference_mode()
def sample_time(painter: Painter, samples: int, repeats: int) -> float:
    """Return the generator's seconds for samples of a square photo at the working size."""
    spec = painter.model.spec
    luma = torch.rand(1, 1, *working_shape((SIDE, SIDE), spec.working_size, spec.multiple_of)) * 2 - 1
    return best_time(lambda: painter.model.sample(luma.to(painter.device), n=samples), repeats)


def colorize_time(painter: Painter, samples: int, repeats: int) -> float:
    """Return the seconds of one call that makes several colorizations of a photo in memory."""
    photo, settings = camera(), ColorizeSettings(samples=samples)
    return best_time(lambda: painter.colorize(photo, settings), repeats)


def measure_training(name: str, batch: int, precision: str, repeats: int) -> dict[str, float]:
    """Return the seconds of a step on random photos of the working size, their number, and the peak MB."""
    torch.manual_seed(0)
    model = create_model(name, pretrained=False).train()
    adam = AdversaryRecipe().optimizer
    plays = isinstance(model, AdversarialColorizer) and model.adversarial
    task = AdversarialTask(model, AdversaryRecipe()) if plays else TrainingTask(model)
    task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = {phase: make_optimizer(task.trained_in(phase), adam) for phase in task.phases}
    generator = torch.Generator().manual_seed(0)
    side = model.spec.working_size

    def step() -> None:
        for phase, optimizer in optimizers.items():
            rgb = torch.randint(256, (batch, 3, side, side), dtype=torch.uint8, generator=generator)
            photos = task.prepare(rgb, generator)
            autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed")
            with autocast, only_trainable(task, phase):
                loss = task(photos, phase)["loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            task.after_update(phase)

    seconds = best_time(step, repeats)
    photos = float(batch * len(task.phases))
    return {"seconds": seconds, "photos": photos, "peak": peak_memory() / MB}


def report_photos(repeats: int) -> None:
    """Print the first table."""
    print(f"{'photos':13} {'size':>5} {'samples':>7} {'seconds':>8} {'photos/s':>8} {'generator s':>11} "
          f"{'alone/s':>8}")  # fmt: skip
    for name in MODELS:
        painter = Painter(create_model(name, pretrained=False), device="cpu")
        for samples in COUNTS:
            whole = colorize_time(painter, samples, repeats)
            alone = sample_time(painter, samples, repeats)
            size = painter.model.spec.working_size
            print(f"{name:13} {size:5} {samples:7} {whole:8.3f} {1 / whole:8.2f} {alone:11.3f} "
                  f"{1 / alone:8.2f}", flush=True)  # fmt: skip


def report_training(repeats: int) -> None:
    """Print the second table."""
    print(f"\n{'training':13} {'size':>5} {'batch':>7} {'precision':>10} {'s a step':>8} {'photos/s':>8} "
          f"{'peak MB':>8}")  # fmt: skip
    for name, batch, precision in TRAINING:
        result = in_own_process(measure_training, name, batch, precision, repeats)
        size = model_spec(name).working_size
        print(f"{name:13} {size:5} {batch:7} {precision:>10} {result['seconds']:8.2f} "
              f"{result['photos'] / result['seconds']:8.1f} {result['peak']:8.0f}", flush=True)  # fmt: skip


def main() -> None:
    """Parse the command line and print both tables."""
    times = repeats(__doc__, 2)
    print(f"{machine()}, {torch.get_num_threads()} threads")
    report_photos(times)
    report_training(times)


if __name__ == "__main__":
    main()
