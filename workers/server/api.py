"""The HTTP API: its routes, what each takes and answers, and how a failure becomes a status."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from schemas.interaction import Shelf
from streams.errors import BadMessage, LookalikeError, SlowDown
from streams.listing_codec import why_invalid
from workers.images.decoder_pool import DecodeCall
from workers.milvus.candidates import Candidate
from workers.process.installed_version import installed_version
from workers.process.request_origin import AllowedHosts
from workers.server import request_body
from workers.server.answerer import Answerer, NotIndexed
from workers.server.failure_log import FailureLog
from workers.server.interaction_intake import InteractionIntake, allowed
from workers.server.limits import BoundedExecutor, Limits, RateLimited, Unavailable
from workers.server.origin_check import OriginCheck
from workers.server.picture_executor import PictureExecutor
from workers.server.policy import Policy
from workers.server.query import Query as SimilarQuery
from workers.server.query import QueryVector, Visit
from workers.server.query_encoder import QueryEncoders
from workers.server.request_metrics import RequestMetrics
from workers.server.request_options import Options
from workers.server.responses import Accepted, Problem, ShelfAnswer, TextQuery, shelf_answer

_PICTURES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_STATUS = {"body-too-large": 413, "image-too-large": 413, "body-too-slow": 408, "media-type": 415}
_ASSETS = "/docs/assets"
_OWN_ALONE = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)
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

ListingPath = Annotated[str, Path(max_length=128, description="A listing of the index.")]


@dataclass(frozen=True)
class ApiDependencies:
    """What the routes lead to."""

    answerer: Answerer
    encoders: QueryEncoders
    intake: InteractionIntake
    listing_executor: BoundedExecutor
    picture_executor: PictureExecutor
    text_executor: BoundedExecutor
    """For each kind its own threads: no query by listing waits for the model, and none by text for a decoder."""
    health: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class ApiConfig:
    """What the operator chose for all requests."""

    defaults: Policy
    limits: Limits
    token: str
    hosts: AllowedHosts = field(default_factory=lambda: AllowedHosts(loopback=True))
    formats: tuple[str, ...] = ()
    """Of pictures, besides JPEG, PNG and WebP."""


def make_app(dependencies: ApiDependencies, config: ApiConfig) -> FastAPI:
    """The application."""
    app = FastAPI(
        title="Lookalike",
        summary="Similar items.",
        version=installed_version() or "unknown",
        docs_url=None,
        redoc_url=None,
        responses={422: {"model": Problem}, 503: {"model": Problem, "description": "Come back after Retry-After."}},
    )
    app.add_middleware(OriginCheck, hosts=config.hosts)
    app.add_middleware(RequestMetrics)
    _shelf_routes(app, dependencies, config)
    _interaction_routes(app, dependencies, config)
    _operational_routes(app, dependencies)
    _error_handlers(app)
    return app


def _shelf_routes(app: FastAPI, dependencies: ApiDependencies, config: ApiConfig) -> None:
    async def shelf(query: SimilarQuery, options: Options, visit: Visit) -> Response:
        policy = options.policy(config.defaults, config.limits.most)
        executor = dependencies.text_executor if query.kind == "text" else dependencies.listing_executor
        return _json(shelf_answer(*await executor.run(lambda: dependencies.answerer.answer(query, policy, visit))))

    async def shelf_of_picture(data: bytes, options: Options, visit: Visit, source: str) -> Response:
        policy = options.policy(config.defaults, config.limits.most)

        def answer(call: DecodeCall) -> tuple[Shelf, list[Candidate]]:
            query = SimilarQuery(
                "picture", lambda live: QueryVector(dependencies.encoders.of(live).picture(data, call))
            )
            return dependencies.answerer.answer(query, policy, visit)

        return _json(shelf_answer(*await dependencies.picture_executor.run(source, answer)))

    @app.get("/v1/listings/{listing_id:path}/similar", response_model=ShelfAnswer, responses={404: {"model": Problem}})
    async def similar_to_listing(
        listing_id: ListingPath, options: Annotated[Options, Query()], user: User = None, session: Session = None
    ) -> Response:
        """Listings like this one, itself left out."""
        return await shelf(dependencies.answerer.by_listing(listing_id), options, options.visit(user, session))

    @app.post("/v1/similar", response_model=ShelfAnswer, openapi_extra=_QUESTION)
    async def similar_to_picture_or_text(
        request: Request, options: Annotated[Options, Query()], user: User = None, session: Session = None
    ) -> Response:
        """Listings like a picture (JPEG, PNG or WebP, as the body or as the file `image` of a form), or like a text."""
        query, visit = await _read_query(request, dependencies, config), options.visit(user, session)
        if isinstance(query, bytes):
            return await shelf_of_picture(query, options, visit, _source(request, visit))
        return await shelf(query, options, visit)


def _source(request: Request, visit: Visit) -> str:
    """Whose pictures have turns and a budget of their own: as the shop tells, or the address that asks."""
    return visit.user or visit.session or (request.client.host if request.client else "")


async def _read_query(request: Request, dependencies: ApiDependencies, config: ApiConfig) -> SimilarQuery | bytes:
    """A query by text, or a picture."""
    kind, limits = _media_type(request), config.limits
    pictures = (*_PICTURES, *(f"image/{each.lower()}" for each in config.formats))
    if kind == "application/json":
        try:
            given = TextQuery.model_validate_json(await request_body.read_body(request, 10_000, limits.body_seconds))
        except ValidationError as error:
            raise BadMessage("text", why_invalid(error)) from None
        return SimilarQuery("text", lambda live: QueryVector(dependencies.encoders.of(live).text(given.text)))
    if kind == "multipart/form-data":
        return await request_body.picture(request, limits.picture_bytes, limits.body_seconds)
    if kind in pictures:
        return await request_body.read_body(request, limits.picture_bytes, limits.body_seconds)
    raise BadMessage("media-type", f"one of application/json, multipart/form-data, {', '.join(pictures)}")


def _interaction_routes(app: FastAPI, dependencies: ApiDependencies, config: ApiConfig) -> None:
    @app.post(
        "/v1/interactions",
        status_code=202,
        response_model=Accepted,
        openapi_extra=_ACTIONS,
        responses={401: {"model": Problem}, 429: {"model": Problem}},
    )
    async def interactions(
        request: Request, authorization: Annotated[str | None, Header(description="Bearer and the token.")] = None
    ) -> Response:
        """What visitors did with shelves: answered once Kafka has all of them; send them again after a 503."""
        if not allowed(authorization, config.token):
            return _json(Problem(reason="token", detail="Authorization: Bearer TOKEN is missing or another"), 401)
        if _media_type(request) != "application/json":
            raise BadMessage("media-type", "application/json")
        data = await request_body.read_body(request, config.limits.interactions_bytes, config.limits.body_seconds)
        try:
            given = json.loads(data)
        except (ValueError, RecursionError):
            raise BadMessage("interactions", "the body is not JSON") from None
        return _json(Accepted(accepted=await dependencies.intake.take(given)), 202)


def _operational_routes(app: FastAPI, dependencies: ApiDependencies) -> None:
    @app.get("/health")
    async def health() -> dict[str, Any]:
        """How the server fares; `state` is running, degraded (it answers, but see `why`) or waiting."""
        return dependencies.health()

    @app.get("/docs", include_in_schema=False)
    async def documentation(request: Request) -> Response:
        """The API for people: Swagger UI, whose files this server has itself."""
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS}/favicon.png",
        )
        page.headers["Content-Security-Policy"] = _OWN_ALONE
        return page

    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _error_handlers(app: FastAPI) -> None:
    log = FailureLog()

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

    @app.exception_handler(Unavailable)
    async def later(_request: Request, failure: Unavailable) -> Response:
        status, reason = (429, "rate") if isinstance(failure, RateLimited) else (503, "later")
        return _json(Problem(reason=reason, detail=str(failure)), status, failure.retry_after or 1.0)

    @app.exception_handler(SlowDown)
    @app.exception_handler(LookalikeError)
    async def away(request: Request, failure: Exception) -> Response:
        number = log.write(_route(request), failure)
        return _json(Problem(reason="away", detail="a service that is needed does not answer"), 503, 1.0, number)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, failure: Exception) -> Response:
        number = log.write(_route(request), failure)
        return _json(Problem(reason="internal", detail="the server has failed; its log says why"), 500, None, number)


def _route(request: Request) -> str:
    return getattr(request.scope.get("route"), "path", "")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json(answer: Any, status: int = 200, retry_after: float | None = None, number: str = "") -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    if number:
        headers["X-Request-Id"] = number
    return Response(answer.model_dump_json(), status, headers, media_type="application/json")
