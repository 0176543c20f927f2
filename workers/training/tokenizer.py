"""The small SigLIP's tokenizer: SentencePiece pieces learnt from the training titles alone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import sentencepiece
from transformers import SiglipTokenizer

TEXT_LENGTH = 24  # pieces: the titles of the training pictures have 4 in the middle and 12 at most


def learn(texts: Sequence[str], pieces: int = 6000) -> SiglipTokenizer:
    """Learn a tokenizer of at most `pieces` pieces from lower-case texts.

    Piece 0 is the unknown one, piece 1 ends and pads a text, as in SigLIP. Fewer pieces come out if the texts hold
    no more.
    """
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "spiece"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_prefix=str(prefix),
            vocab_size=pieces,
            hard_vocab_limit=False,
            character_coverage=1.0,
            unk_id=0,
            eos_id=1,
            bos_id=-1,
            pad_id=-1,
            minloglevel=2,
        )
        return SiglipTokenizer(vocab_file=f"{prefix}.model", model_max_length=TEXT_LENGTH)


def encode(tokenizer: SiglipTokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Turn texts into piece ids, each padded or cut to TEXT_LENGTH."""
    encoded = tokenizer(list(texts), padding="max_length", max_length=TEXT_LENGTH, truncation=True)
    return [list(ids) for ids in encoded["input_ids"]]
