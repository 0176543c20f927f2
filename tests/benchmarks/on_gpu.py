"""What a GPU makes of the encoder: `python -m tests.benchmarks.on_gpu [--quick] [--device cuda]`.

Needs torch, transformers, pydantic, structlog and pillow, and neither Kafka nor Milvus. First what must hold (the float
type moves no vector, short memory halves a batch, a failing device ends the process with its reason), then the rates.
Exit 1 if something does not hold; a line of JSON for each finding.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from streams.errors import BadMessage, Broken
from workers.images.decode import Pixels
from workers.images.decoder_pool import DecoderPool
from workers.images.limits import ImageLimits
from workers.indexer.batch_encoding import encode
from workers.models.encoder import SiglipEncoder
from workers.models.folder import find_model, read_recipe
from workers.models.loading import load_siglip

SIZES = {
    "B/16-256": (
        256,
        16,
        {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3_072},
    ),
    "so400m/14-384": (
        378,
        14,
        {"hidden_size": 1_152, "num_hidden_layers": 27, "num_attention_heads": 16, "intermediate_size": 4_304},
    ),
}
"""Side and patch in pixels, and the vision tower, of SigLIP's published sizes."""
PEAK_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0}
"""Dense bf16, as their makers state them."""


def say(finding: str, **values: Any) -> None:
    """One finding as a line of JSON."""
    sys.stdout.write(json.dumps({"finding": finding, **values}) + "\n")
    sys.stdout.flush()


def write_model(folder: Path, name: str) -> Path:
    """A model folder of random weights of a fixed seed."""
    from transformers import SiglipConfig, SiglipModel

    size, patch, vision = SIZES[name]
    torch.manual_seed(7)
    texts = {**vision, "num_hidden_layers": 1, "vocab_size": 1_000}
    config = SiglipConfig(vision_config={**vision, "image_size": size, "patch_size": patch}, text_config=texts)
    SiglipModel(config).save_pretrained(folder)
    processor = {
        "size": {"height": size, "width": size},
        "resample": 2,
        "rescale_factor": 1 / 255,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def drawn(number: int, size: int = 800) -> bytes:
    """A JPEG with shapes, gradients and grain, some 150 kB; another for each number."""
    chance = np.random.default_rng(number)
    across = np.linspace(0, 255, size, dtype=np.float32)
    ground = np.stack(
        [np.outer(across, across) / 255, np.tile(across, (size, 1)), np.tile(across[:, None], (1, size))], -1
    )
    picture = Image.fromarray(np.clip(ground + chance.normal(0, 12, ground.shape), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, r = (int(each) for each in chance.integers(0, size, 3))
        draw.ellipse(
            (x - r // 4, y - r // 4, x + r // 4, y + r // 4),
            fill=tuple(int(each) for each in chance.integers(0, 256, 3)),
        )
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=88)
    return written.getvalue()


def noise(count: int, size: int) -> Pixels:
    """Random pixels: what they are costs nothing, only how many there are."""
    return np.random.default_rng(7).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def decoded(folder: Path, count: int) -> Pixels:
    """Drawn pictures as a worker decodes them for a model."""
    decoders = DecoderPool(read_recipe(folder), ImageLimits(), 2)
    try:
        with ThreadPoolExecutor(2) as callers:
            return np.stack(list(callers.map(decoders.decode, map(drawn, range(count)))))
    finally:
        decoders.close()


def float_types(name: str, folder: Path, device: str, count: int) -> bool:
    """The vectors of the device, in its own float type, beside those of the CPU in fp32."""
    recipe, pictures = read_recipe(folder), decoded(folder, count)
    fast = SiglipEncoder(folder, recipe, device=device)  # type: ignore[arg-type]
    exact = SiglipEncoder(folder, recipe, device="cpu")
    exact._model = load_siglip(folder).eval()  # what was rounded to bf16 once would not be fp32 again
    exact.float_type = torch.float32
    cosines = (fast.encode(pictures) * exact.encode(pictures)).sum(axis=1)
    say(
        "float types",
        model=name,
        device=device,
        float_type=str(fast.float_type),
        pictures=count,
        least_cosine=round(float(cosines.min()), 6),
        median=round(float(np.median(cosines)), 6),
    )
    return bool(cosines.min() >= 0.999)


def short_memory(folder: Path, device: str) -> bool:
    """A batch that does not fit is halved until it does, and its vectors are those of small batches."""
    encoder = SiglipEncoder(folder, read_recipe(folder), device=device)  # type: ignore[arg-type]
    pictures = list(noise(512, encoder.recipe.height))
    expected = np.concatenate([encoder.encode(np.stack(pictures[first : first + 32])) for first in range(0, 512, 32)])
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.35 * torch.cuda.memory_reserved() / whole)
    halved = 0
    plain = encoder.encode

    def counted(batch: Pixels) -> Any:
        nonlocal halved
        try:
            return plain(batch)
        except Exception:
            halved += 1
            raise

    encoder.encode = counted  # type: ignore[method-assign, assignment]
    found = encode(encoder, pictures)
    torch.cuda.set_per_process_memory_fraction(1.0)
    bad = sum(isinstance(each, BadMessage) for each in found)
    good = np.stack([each for each in found if not isinstance(each, BadMessage)])
    least = float((good * expected).sum(axis=1).min()) if not bad else 0.0
    say("short memory", halved=halved, refused=bad, least_cosine=round(least, 6))
    return halved > 0 and not bad and least >= 0.999


def failing_device(folder: Path) -> bool:
    """A device that has failed ends the process, with its reason in the last line."""
    program = (
        "import sys, torch; from pathlib import Path; from tests.benchmarks.on_gpu import broken; "
        "broken(Path(sys.argv[1]))"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False)
    last = ended.stdout.strip().splitlines()[-1:] or [ended.stderr[-300:]]
    say("failing device", exit=ended.returncode, said=last[0][:200])
    return ended.returncode == 1 and "the device cuda failed: CUDA error" in last[0]


def broken(folder: Path) -> None:
    """Break the device by an index beyond its end, then encode; ends as a worker would."""
    encoder = SiglipEncoder(folder, read_recipe(folder), device="cuda")
    wrong = torch.zeros(4, device="cuda")[torch.tensor([1_000_000], device="cuda")]
    try:
        encoder.encode(noise(2, encoder.recipe.height))
        wrong.cpu()
    except Broken as failed:
        sys.stdout.write(f"{failed}\n")
        sys.stdout.flush()
        os._exit(1)


def flops(name: str) -> float:
    """Of one picture, by the arithmetic of a transformer: 2 for each weight and token, and the attention."""
    size, patch, vision = SIZES[name]
    tokens, width, layers = (size // patch) ** 2, vision["hidden_size"], vision["num_hidden_layers"]
    weights = layers * (4 * width * width + 2 * width * vision["intermediate_size"])
    return 2.0 * tokens * weights + layers * 4.0 * tokens * tokens * width


def rates(name: str, folder: Path, sizes: tuple[int, ...], seconds: float) -> None:
    """Pictures a second of the device alone and of the whole `encode`, by batch size and kind of attention."""
    card = torch.cuda.get_device_name(0)
    peak = next((value for key, value in PEAK_TFLOPS.items() if key in card), float("nan"))
    encoder = SiglipEncoder(folder, read_recipe(folder), device="cuda")
    side = encoder.recipe.height
    plain = encoder._model
    for kind in ("sdpa", "eager", "compiled"):
        began = time.monotonic()
        encoder._model = plain
        plain.set_attn_implementation("eager" if kind == "eager" else "sdpa")
        features = (
            torch.compile(plain.get_image_features, dynamic=False) if kind == "compiled" else plain.get_image_features
        )
        for size in sizes if kind != "compiled" else tuple(each for each in sizes if each in (8, 32, 128)):
            # As `encode` lays them out: channels last, which the patches' convolution takes a fifth faster.
            pixels = torch.rand(size, side, side, 3, device="cuda", dtype=torch.bfloat16).permute(0, 3, 1, 2)
            alone = _rate(partial(_features, features, pixels), size, seconds)
            first = _rate(partial(_features, features, pixels.contiguous()), size, seconds) if kind == "sdpa" else alone
            row: dict[str, Any] = {
                "pictures_per_second": round(alone[0]),
                "spread": [round(each) for each in alone[1:]],
                "channels_first": round(first[0]),
                "peak_share": round(alone[0] * flops(name) / peak / 1e12, 3),
            }
            if kind == "sdpa":
                batch = noise(size, side)
                whole = _rate(partial(encoder.encode, batch), size, seconds)
                unpinned = _rate(partial(_unpinned, encoder, batch), size, seconds)
                row |= {
                    "from_memory": round(whole[0]),
                    "batch_ms": round(1_000 * size / whole[0], 2),
                    "without_pinning": round(unpinned[0]),
                }
            say("rate", model=name, card=card, attention=kind, batch=size, **row)
        say("rates done", model=name, attention=kind, seconds=round(time.monotonic() - began, 1))


def _features(features: Callable[..., Any], pixels: torch.Tensor) -> Any:
    return features(pixel_values=pixels).pooler_output


def _unpinned(encoder: SiglipEncoder, batch: Pixels) -> Any:
    with torch.inference_mode():
        pixels = (
            torch.from_numpy(batch).to("cuda").permute(0, 3, 1, 2).to(torch.float32) * encoder._scale - encoder._shift
        )
        features = encoder._model.get_image_features(pixel_values=pixels.to(encoder.float_type)).pooler_output
        return torch.nn.functional.normalize(features.to(torch.float32), dim=-1).cpu()


def _rate(work: Callable[[], Any], size: int, seconds: float) -> tuple[float, float, float]:
    """Median, least and most pictures a second of five rounds."""
    found = []
    with torch.inference_mode():
        for _ in range(3):
            work()
        torch.cuda.synchronize()
        for _ in range(5):
            count, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds / 5:
                work()
                count += 1
                if count % 4 == 0:
                    torch.cuda.synchronize()  # else the clock would run ahead of the work
            torch.cuda.synchronize()
            found.append(size * count / (time.perf_counter() - began))
    return statistics.median(found), min(found), max(found)


def decoding(folder: Path, counts: tuple[int, ...], seconds: float) -> None:
    """Pictures a second that so many decoder processes decode from memory, for a model."""
    pictures = [drawn(number) for number in range(16)]
    size = sum(map(len, pictures)) // len(pictures)
    for count in counts:
        decoders = DecoderPool(read_recipe(folder), ImageLimits(), count)
        try:
            with ThreadPoolExecutor(count) as callers:
                list(callers.map(decoders.decode, pictures * count))
                done, began = 0, time.monotonic()
                while time.monotonic() - began < seconds:
                    done += len(list(callers.map(decoders.decode, pictures * count)))
                say(
                    "decoding",
                    processes=count,
                    pictures_per_second=round(done / (time.monotonic() - began)),
                    bytes=size,
                )
        finally:
            decoders.close()


def stages(name: str, folder: Path, count: int, seconds: float) -> None:
    """Decoding and encoding at once, as a worker does: the share of the time that the encoder was busy."""
    encoder = SiglipEncoder(folder, read_recipe(folder), device="cuda")
    pictures = [drawn(number) for number in range(16)]
    decoders = DecoderPool(encoder.recipe, ImageLimits(), count)
    busy = done = 0.0
    try:
        with ThreadPoolExecutor(count) as callers:
            ahead = [callers.submit(decoders.decode, pictures[number % 16]) for number in range(32 + 2 * count)]
            encoder.encode(np.stack([each.result() for each in ahead[:32]]))
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                batch, ahead = ahead[:32], ahead[32:]
                ahead += [callers.submit(decoders.decode, pictures[number % 16]) for number in range(32)]
                pixels = np.stack([each.result() for each in batch])
                started = time.monotonic()
                encoder.encode(pixels)
                busy += time.monotonic() - started
                done += 32
            whole = time.monotonic() - began
    finally:
        decoders.close()
    say(
        "stages",
        model=name,
        decoders=count,
        listings_per_second=round(done / whole),
        encoder_busy=round(busy / whole, 3),
    )


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.on_gpu", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, no rates")
    parser.add_argument("--only", choices=("holds", "rates", "decoders"), help="one of the three parts")
    parser.add_argument("--device", default="cuda", help="cpu tries the checks that need no card")
    chosen = parser.parse_args()
    quick, device = chosen.quick, chosen.device
    cores = len(os.sched_getaffinity(0))
    say("where", torch=torch.__version__, cores=cores, card=torch.cuda.get_device_name(0) if device == "cuda" else None)
    held: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        base, large = (write_model(Path(name) / str(place), model) for place, model in enumerate(SIZES))
        if chosen.only in (None, "holds"):
            held.append(float_types("bundled", find_model(""), device, 8 if quick else 64))
            held += [float_types(*each, device, 2 if quick else 8) for each in zip(SIZES, (base, large), strict=True)]
            held += [short_memory(base, device), failing_device(base)] if device == "cuda" else []
        if chosen.only in (None, "rates") and device == "cuda" and not quick:
            rates("B/16-256", base, (1, 8, 16, 32, 64, 128, 256), 1.0)
            rates("so400m/14-384", large, (1, 8, 32, 128), 1.0)
        if chosen.only in (None, "decoders"):
            steps = tuple(each for each in (1, 2, 4, 8, 12, 16) if each <= cores)
            decoding(base, steps, 0.5 if quick else 2.0)
            for count in steps if device == "cuda" and not quick else ():
                stages("B/16-256", base, count, 3.0)
    say("all holds" if all(held) else "something does not hold", held=held)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
