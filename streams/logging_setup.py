"""Structured logs on stderr: readable on a terminal, JSON elsewhere."""

import logging
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any, Literal, TextIO

import structlog

from streams.redaction import redacted
from streams.terminal_text import visible


def set_up_log(style: Literal["console", "json"] | None = None, level: int = logging.INFO) -> None:
    """Send all records to stderr, structlog's and the standard library's; `style` None: by whether it is a terminal."""
    chosen = style or ("console" if sys.stderr.isatty() else "json")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(exception_formatter=_traceback)
    if chosen == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _safe(chosen), renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "httpx", "urllib3", "faust", "mode", "transformers", "milvus_lite"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def _safe(style: str) -> structlog.typing.Processor:
    """No password in any record; on a terminal nothing that it would obey either (JSON escapes that itself)."""
    made = _for_terminal if style == "console" else redacted

    def safe(_logger: Any, _method: str, record: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {name: _text(value, made) for name, value in record.items()}

    return safe


def _text(value: Any, made: Callable[[str], str]) -> Any:
    """`value` with each text in it as `made` makes it; what the renderer would print by its `repr` as that text."""
    if isinstance(value, str):
        return made(value)
    if value is None or isinstance(value, bool | int | float | tuple):  # a tuple is `exc_info`
        return value
    if isinstance(value, dict):
        return {name: _text(each, made) for name, each in value.items()}
    if isinstance(value, list):
        return [_text(each, made) for each in value]
    return made(str(value))


def _for_terminal(text: str) -> str:
    return visible(redacted(text))


def _traceback(out: TextIO, info: structlog.typing.ExcInfo) -> None:
    whole = StringIO()
    structlog.dev.plain_traceback(whole, info)
    out.write(_for_terminal(whole.getvalue()))
