"""The HTTP API: its routes, what each takes and answers, and how a failure becomes a status."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from streams.codec import why_invalid
from streams.failures import BadMessage, CommandFailed, SlowDown
from workers.serve import body
from workers.serve.answerer import Answerer, NotIndexed
from workers.serve.answers import Accepted, Problem, ShelfAnswer, TextQuery, shelf_answer
from workers.serve.encoders import Encoders
from workers.serve.intake import Intake, allowed
from workers.serve.limits import Crew, Later, Limits, TooFast
from workers.serve.measured import Measured
from workers.serve.options import Options
from workers.serve.policy import Policy
from workers.serve.query import Query as Asked
from workers.serve.query import Sought, Visit

_PICTURES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_STATUS = {"body-too-large": 413, "image-too-large": 413, "body-too-slow": 408, "media-type": 415}
_PAGE = resources.files("workers.serve").joinpath("page.html").read_text()
_OWN_ALONE = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "required": ["image"], "properties": {"image": _BINARY["schema"]}}
_QUESTION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": TextQuery.model_json_schema()},
            **dict.fromkeys(_PICTURES[:3], _BINARY),
            "multipart/form-data": {"schema": _FORM},
        },
    }
}
_ACTIONS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One interaction (`lookalike schema click`, seen, like, purchase, cancel), or a list of them.",
        "content": {"application/json": {"schema": {"anyOf": [{"type": "object"}, {"type": "array"}]}}},
    }
}

User = Annotated[str | None, Header(alias="X-Lookalike-User", max_length=256, description="Recorded as a keyed hash.")]
Session = Annotated[str | None, Header(alias="X-Lookalike-Session", max_length=256, description="As the user.")]
_log = structlog.get_logger(__name__)

ListingPath = Annotated[str, Path(max_length=128, description="A listing of the index.")]


@dataclass(frozen=True)
class Parts:
    """What the routes lead to."""

    answerer: Answerer
    encoders: Encoders
    intake: Intake
    crew: Crew
    encoding: Crew
    """For pictures and texts, which wait for the model: apart, so that no query by listing waits with them."""
    health: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Terms:
    """What the operator chose for all requests."""

    defaults: Policy
    limits: Limits
    token: str


def make_app(parts: Parts, terms: Terms) -> FastAPI:
    """The application."""
    app = FastAPI(
        title="Lookalike", summary="Similar items.", docs_url=None, redoc_url=None,
        responses={422: {"model": Problem}, 503: {"model": Problem, "description": "Come back after Retry-After."}},
    )  # fmt: skip
    app.add_middleware(Measured)
    _shelves(app, parts, terms)
    _interactions(app, parts, terms)
    _looked_at(app, parts)
    _failures(app)
    return app


def _shelves(app: FastAPI, parts: Parts, terms: Terms) -> None:
    async def shelf(query: Asked, options: Options, visit: Visit) -> Response:
        policy = options.policy(terms.defaults, terms.limits.most)
        crew = parts.crew if query.kind == "listing" else parts.encoding
        recorded, items = await crew.run(lambda: parts.answerer.answer(query, policy, visit))
        return _json(shelf_answer(recorded, items))

    @app.get("/v1/listings/{listing_id:path}/similar", response_model=ShelfAnswer, responses={404: {"model": Problem}})
    async def similar_to_listing(
        listing_id: ListingPath, options: Annotated[Options, Query()], user: User = None, session: Session = None
    ) -> Response:
        """Listings like this one, itself left out."""
        return await shelf(parts.answerer.by_listing(listing_id), options, options.visit(user, session))

    @app.post("/v1/similar", response_model=ShelfAnswer, openapi_extra=_QUESTION)
    async def similar_to_picture_or_text(
        request: Request, options: Annotated[Options, Query()], user: User = None, session: Session = None
    ) -> Response:
        """Listings like a picture (JPEG, PNG or WebP, as the body or as the file `image` of a form), or like a text."""
        return await shelf(await _asked(request, parts, terms), options, options.visit(user, session))


async def _asked(request: Request, parts: Parts, terms: Terms) -> Asked:
    kind, limits = _media_type(request), terms.limits
    if kind == "application/json":
        try:
            given = TextQuery.model_validate_json(await body.whole(request, 10_000, limits.body_seconds))
        except ValidationError as error:
            raise BadMessage("text", why_invalid(error)) from None
        return Asked("text", lambda live: Sought(parts.encoders.of(live.model_id).text(given.text)))
    if kind == "multipart/form-data":
        data = await body.picture(request, limits.picture_bytes, limits.body_seconds)
    elif kind in _PICTURES:
        data = await body.whole(request, limits.picture_bytes, limits.body_seconds)
    else:
        raise BadMessage("media-type", f"one of application/json, multipart/form-data, {', '.join(_PICTURES)}")
    return Asked("picture", lambda live: Sought(parts.encoders.of(live.model_id).picture(data)))


def _interactions(app: FastAPI, parts: Parts, terms: Terms) -> None:
    @app.post(
        "/v1/interactions", status_code=202, response_model=Accepted, openapi_extra=_ACTIONS,
        responses={401: {"model": Problem}, 429: {"model": Problem}},
    )  # fmt: skip
    async def interactions(
        request: Request, authorization: Annotated[str | None, Header(description="Bearer and the token.")] = None
    ) -> Response:
        """What visitors did with shelves: answered once Kafka has all of them; send them again after a 503."""
        if not allowed(authorization, terms.token):
            return _json(Problem(reason="token", detail="Authorization: Bearer TOKEN is missing or another"), 401)
        if _media_type(request) != "application/json":
            raise BadMessage("media-type", "application/json")
        data = await body.whole(request, terms.limits.interactions_bytes, terms.limits.body_seconds)
        try:
            given = json.loads(data)
        except (ValueError, RecursionError):
            raise BadMessage("interactions", "the body is not JSON") from None
        return _json(Accepted(accepted=await parts.intake.take(given)), 202)


def _looked_at(app: FastAPI, parts: Parts) -> None:
    @app.get("/health")
    async def health() -> dict[str, Any]:
        """How the server fares; `state` is running, degraded (it answers, but see `why`) or waiting."""
        return parts.health()

    @app.get("/docs", include_in_schema=False)
    async def page() -> Response:
        """The API for people; FastAPI's own page would load its scripts from elsewhere."""
        return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _OWN_ALONE})

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _failures(app: FastAPI) -> None:
    @app.exception_handler(NotIndexed)
    async def not_indexed(_request: Request, _failure: Exception) -> Response:
        # In the same words for what was never there, was removed, taken down or erased: which of them is nobody's
        # business outside.
        return _json(Problem(reason="not-indexed", detail="no such listing is in the index"), 404)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, failure: RequestValidationError) -> Response:
        first = failure.errors()[0]
        where = ".".join(str(each) for each in first["loc"][1:])
        return _json(Problem(reason="options", detail=f"{where}: {first['msg']}"), 422)

    @app.exception_handler(BadMessage)
    async def bad(_request: Request, failure: BadMessage) -> Response:
        return _json(Problem(reason=failure.reason, detail=failure.error), _STATUS.get(failure.reason, 422))

    @app.exception_handler(Later)
    async def later(_request: Request, failure: Later) -> Response:
        status, reason = (429, "rate") if isinstance(failure, TooFast) else (503, "later")
        return _json(Problem(reason=reason, detail=str(failure)), status, failure.retry_after or 1.0)

    @app.exception_handler(SlowDown)
    @app.exception_handler(CommandFailed)
    async def away(request: Request, failure: Exception) -> Response:
        # What failed and where is the operator's to know.
        _log.warning("not_answered", route=getattr(request.scope.get("route"), "path", ""), error=str(failure))
        return _json(Problem(reason="away", detail="a service that is needed does not answer"), 503, 1.0)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json(answer: Any, status: int = 200, retry_after: float | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    return Response(answer.model_dump_json(), status, headers, media_type="application/json")
