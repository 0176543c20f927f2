"""Answering: from a query to a shelf, searched where the live model is, drawn where it is its turn, and recorded."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from schemas.interaction import Shelf
from streams.errors import CollectionGone, SlowDown
from streams.keyed_hash import HashKey
from streams.takedown_follower import TakedownFollower
from workers.milvus.candidates import Candidate, Hides, search_until_enough
from workers.milvus.collection import Collections
from workers.milvus.neighbors import PUBLIC_STATUSES
from workers.milvus.searcher import Searcher
from workers.server import metrics
from workers.server.exploration import explore
from workers.server.live_collection import LiveCollection
from workers.server.policy import Caps, Policy, rank
from workers.server.query import Query, QueryVector, Visit
from workers.server.randomisation import Shares, plan
from workers.server.seeded_random import SeededRandom
from workers.server.shelf_publisher import ShelfPublisher
from workers.server.shelf_record import RankedItem, RankedShelf, Request, shelf_of
from workers.server.team_draft import team_draft


class NotIndexed(Exception):
    """The listing is not in the index, or may not be shown: to who asks it is the same."""


@dataclass(frozen=True)
class Dependencies:
    """What an answerer works with."""

    searcher: Searcher
    live: LiveCollection
    follower: TakedownFollower
    key: HashKey
    shelf_publisher: ShelfPublisher


@dataclass(frozen=True)
class AnswerOptions:
    """What the operator chose for all answers."""

    shares: Shares
    anchor: Collections | None = None
    stale_seconds: float = 3_600.0
    """So long after it was last certain what was taken down, answers are still given."""


class Answerer:
    """Answers queries; its methods are called from any thread.

    Each raises NotIndexed, SlowDown where Milvus or the knowledge of takedowns is away, BadMessage for a picture that
    is none.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        chosen: AnswerOptions,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._dependencies, self._chosen, self._new_id = dependencies, chosen, new_id

    def by_listing(self, listing_id: str) -> Query:
        """A query by a listing of the index; nothing is encoded, its row has the vector."""
        return Query("listing", partial(self._row, listing_id), listing_id)

    def answer(self, query: Query, policy: Policy, visit: Visit) -> tuple[Shelf, list[Candidate]]:
        """The shelf as it is recorded, and its items as they are shown, in the same order."""
        hides = self._dependencies.follower.require(seconds=0.0, stale=self._chosen.stale_seconds).is_hidden
        request = Request(self._new_id(), query, policy, visit)
        try:
            ranked_shelf = self._rank_shelf(request, hides)
        except CollectionGone:  # the collection was dropped: by now another may be live
            self._dependencies.live.forget()
            try:
                ranked_shelf = self._rank_shelf(request, hides)
            except CollectionGone as gone:
                raise SlowDown(str(gone)) from gone
        shelf = shelf_of(request, ranked_shelf, self._dependencies.key, datetime.now(UTC))
        self._dependencies.shelf_publisher.enqueue(shelf)
        metrics.SHELVES.labels(ranked_shelf.drawn).inc()
        if not ranked_shelf.items:
            metrics.EMPTY_SHELVES.inc()
        return shelf, [each.item for each in ranked_shelf.items]

    def _rank_shelf(self, request: Request, hides: Hides) -> RankedShelf:
        """All of one shelf, from the collections that were live when it was begun."""
        live, random = self._dependencies.live.now(), SeededRandom(self._dependencies.key, request.request_id)
        query_vector = request.query.seek(live)
        if query_vector is None or (
            query_vector.listing_id is not None
            and hides(query_vector.listing_id, query_vector.version, query_vector.seller_id, query_vector.picture or "")
        ):
            raise NotIndexed
        drawn, policy = plan(random, self._chosen.shares), request.policy
        ranked = partial(self._ranked, policy=policy, hides=hides)
        if drawn == "interleave":
            ranked_shelf = self._interleaved(request, random, live, query_vector, ranked)
            if ranked_shelf is not None:
                return ranked_shelf
        ranking = ranked(live, query_vector, policy.k)
        if drawn in ("no", "interleave"):
            return RankedShelf(live, query_vector, [RankedItem(item) for item in ranking])
        orders = explore(ranking, self._chosen.shares.how, random)
        return RankedShelf(live, query_vector, [RankedItem(item, propensity) for item, propensity in orders], drawn)

    def _interleaved(
        self,
        request: Request,
        random: SeededRandom,
        live: Collections,
        query_vector: QueryVector,
        ranked: Callable[[Collections, QueryVector, int], list[Candidate]],
    ) -> RankedShelf | None:
        """The live ranking and the anchor's in one shelf; None where the anchor has no answer or is live itself."""
        anchor, k = self._chosen.anchor, request.policy.k
        try:
            there = request.query.seek(anchor) if anchor is not None and anchor != live else None
            rival = ranked(anchor, there, 2 * k) if anchor is not None and there is not None else None
        except (CollectionGone, SlowDown):  # a second opinion must not cost the first
            rival = None
        if rival is None:
            metrics.MISSED.inc()
            return None
        # Twice as many of each: where caps keep some out, there are others.
        caps = Caps(request.policy, query_vector.picture)
        shelf = team_draft(ranked(live, query_vector, 2 * k), rival, k, lambda: random.bernoulli("team"), caps.take)
        return RankedShelf(
            live, query_vector, [RankedItem(item, team=team) for item, team in shelf], "interleave", anchor
        )

    def _ranked(
        self, collections: Collections, query_vector: QueryVector, count: int, *, policy: Policy, hides: Hides
    ) -> list[Candidate]:
        expression = policy.filter(without=query_vector.listing_id, seller_id=query_vector.seller_id)

        def ask(limit: int) -> list[Candidate]:
            with metrics.STEP_SECONDS.labels("search").time():
                return self._dependencies.searcher.nearest(
                    collections, query_vector.vector, expression, limit, vectors=policy.diversity > 0
                )

        choose = partial(rank, policy=policy, count=count, hides=hides, picture=query_vector.picture)
        first = policy.first + count - policy.k
        return search_until_enough(ask, choose, wanted=count, first=first, floor=policy.min_score)

    def _row(self, listing_id: str, collections: Collections) -> QueryVector | None:
        with metrics.STEP_SECONDS.labels("row").time():
            stored = self._dependencies.searcher.row(collections, listing_id)
        if stored is None:
            return None
        if stored.status not in PUBLIC_STATUSES:  # a query by it would tell that it is there
            return None
        return QueryVector(
            stored.vector, listing_id, stored.image_hash, stored.seller_id, stored.category, stored.version
        )
