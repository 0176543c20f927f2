"""The encoder: pictures and texts in, unit vectors out, on the fastest device and float type there is."""

import copy
import math
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
import torch

from schemas.model import Recipe
from streams.errors import BadMessage, Broken, LookalikeError, UsageError
from workers.models.device import Device
from workers.models.loading import first_line, load_siglip, load_tokenizer
from workers.models.protocol import OutOfMemory, Pictures, Vectors
from workers.models.texts import Preparation, has_tokenizer, preparation_of, prepare

TRIAL_PICTURES, TRIAL_ROUNDS = 4, 2
"""A trial of some 4 s for a SigLIP B/16 on two cores, 0.3 s for the bundled model."""

_log = structlog.get_logger(__name__)


class SiglipEncoder:
    """A SigLIP of transformers; its vectors are the pooled image features, scaled to length 1."""

    def __init__(self, folder: Path, recipe: Recipe, *, device: Device = "auto", batch_size: int = 32) -> None:
        self.recipe = recipe
        self.device = _find_device(device)
        # On an A100 a ViT-B/16 reaches 93 % of its large-batch rate at 32; larger batches only add waiting.
        self.batch_size = batch_size
        self._folder = folder
        self._model = load_siglip(folder)
        self._model.eval().requires_grad_(False)
        self.no_texts = self._why_no_texts()
        self._move()
        self.dimensions = int(self._model.config.vision_config.hidden_size)
        scale = torch.tensor([recipe.rescale / std for std in recipe.std], device=self.device)
        shift = torch.tensor([mean / std for mean, std in zip(recipe.mean, recipe.std, strict=True)])
        self._scale, self._shift = scale.view(1, 3, 1, 1), shift.to(self.device).view(1, 3, 1, 1)
        if self.device.type == "cuda":
            self._model.to(torch.bfloat16)
        elif self.device.type == "cpu":
            self._model = self._faster_on_cpu(self._model)
        self.float_type = self._model.dtype

    def encode(self, pictures: Pictures) -> Vectors:
        """Unit vectors of `pictures` (n × height × width × 3), n × dimensions; not checked for NaN or zero here.

        Raises OutOfMemory where they were too many for the device, Broken where it failed otherwise.
        """
        try:
            return self._encode(pictures)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise Broken(f"the device {self.device} failed: {first_line(error)}; see its driver's log") from error
            short = OutOfMemory(first_line(error))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        raise short  # outside of the handler, whose frames hold what did not fit

    def _encode(self, pictures: Pictures) -> Vectors:
        batch = torch.from_numpy(pictures)
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        with torch.inference_mode():
            pixels = batch.permute(0, 3, 1, 2).to(torch.float32) * self._scale - self._shift
            features = self._model.get_image_features(pixel_values=pixels.to(self.float_type)).pooler_output
            return _unit(features)

    def encode_texts(self, texts: list[str]) -> Vectors:
        """Unit vectors of `texts`, prepared as in training and padded to the length that the model was trained with.

        Raises BadMessage (`text`) if the model takes no texts, UsageError if its tokenizer can't be loaded or
        is another model's.
        """
        if self.no_texts:
            raise BadMessage("text", self.no_texts)
        ids = self._pieces([prepare(text, self._preparation) for text in texts])
        with torch.inference_mode():
            return _unit(self._model.get_text_features(input_ids=ids.to(self.device)).pooler_output)

    def _pieces(self, texts: list[str]) -> torch.Tensor:
        config = self._model.config.text_config
        tokenizer, length = self._tokenizer, config.max_position_embeddings
        refusal = f"{self._folder}: its tokenizer does not fit the model; fetch its files again"
        try:
            found = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
            ids: torch.Tensor = found["input_ids"]
        except Exception as error:  # tokenizers raise errors of any type for files that don't fit each other
            raise UsageError(f"{refusal} ({first_line(error)})") from error
        if int(ids.max()) >= config.vocab_size:
            raise UsageError(f"{refusal} (it has more than the model's {config.vocab_size} pieces)")
        return ids

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._folder)

    @cached_property
    def _preparation(self) -> Preparation:
        return self.recipe.texts or preparation_of(self._folder)

    def _why_no_texts(self) -> str:
        """Why texts can't be asked for; empty if they can."""
        if self._model.text_model is None:
            return f"the model {self.recipe.model_id} has no text tower: it takes pictures and listings only"
        if not has_tokenizer(self._folder):
            return f"the model {self.recipe.model_id} has no tokenizer: it takes pictures and listings only"
        return ""

    def _move(self) -> None:
        try:
            self._model.to(self.device)
        except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for a device
            remedy = "choose another by --device, or see its driver's log"
            raise LookalikeError(f"the device {self.device} can't be used ({first_line(error)}); {remedy}") from error

    def _faster_on_cpu(self, model: Any) -> Any:
        """`model` in fp32 or bf16, by trial: which wins depends on the processor (AMX, AVX-512 BF16)."""
        # A copy: what was rounded to bf16 once would not be fp32 again.
        models = {"bf16": copy.deepcopy(model).to(torch.bfloat16), "fp32": model}
        pixels = torch.rand(TRIAL_PICTURES, 3, self.recipe.height, self.recipe.width)
        seconds = dict.fromkeys(models, math.inf)
        # In turns, and the best of each: other processes disturb. The first round only compiles the kernels.
        for round_number in range(1 + TRIAL_ROUNDS):
            for kind, each in models.items():
                with torch.inference_mode():
                    started = time.perf_counter()
                    each.get_image_features(pixel_values=pixels.to(each.dtype))
                    if round_number:
                        seconds[kind] = min(seconds[kind], time.perf_counter() - started)
        # bf16 must be clearly faster: it is the less exact of the two.
        chosen = "bf16" if seconds["bf16"] < 0.9 * seconds["fp32"] else "fp32"
        rates = {f"{kind}_images_per_second": round(TRIAL_PICTURES / each, 1) for kind, each in seconds.items()}
        _log.info("float_type_chosen", chosen=chosen, **rates)
        return models[chosen]


def _unit(features: torch.Tensor) -> Vectors:
    vectors: Vectors = torch.nn.functional.normalize(features.to(torch.float32), dim=-1).cpu().numpy()
    return vectors


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a device had too little memory; on a CPU and on MPS torch says so in words alone."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(each in str(error).lower() for each in words)


def _find_device(device: Device) -> torch.device:
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
