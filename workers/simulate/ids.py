"""What everything is called in the records: ids that begin with the run's tag, so that two runs never collide."""

from functools import cached_property

from streams.interactions import pseudonym
from streams.keyed_hash import HashKey
from workers.simulate.draws import Ints
from workers.simulate.examination_model import LAYOUTS
from workers.simulate.inventory import DAY
from workers.simulate.market import Market
from workers.simulate.order import DRAWN
from workers.simulate.shelf import Actions

SURFACES = ("app", "web")
APPS = ("5.9.2", "6.0.0", "web")
VARIANTS = ("a", "b")
POLICY = "on-sale,k=10"
LAYOUT_NAMES = tuple(each.name for each in LAYOUTS)
DRAWN_NAMES = DRAWN
EVENT_LETTERS = "?sclpx"  # of event ids, by event
OPEN_KEY = HashKey("of simulated users, who need no secret")
"""For files that never leave a test or a benchmark: the same everywhere."""


class Names:
    """The names of one market; users' are keyed hashes, so that `erase --user` finds them where the key is its own."""

    def __init__(self, market: Market, key: HashKey = OPEN_KEY) -> None:
        self._market, self._key = market, key
        self.tag = market.tag
        self.live, self.anchor = market.live.name, market.anchor.name
        self.categories = market.kinds.names
        self._listings: list[str] = []

    @cached_property
    def users(self) -> list[str]:
        """Every user's keyed hash."""
        return [pseudonym(self._key, self.user_id(number)) for number in range(len(self._market.people.web))]

    def user_id(self, number: int) -> str:
        """A user's id as the shop has it, before it is hashed."""
        return f"simulated-{self.tag}-{number}"

    @property
    def listings(self) -> list[str]:
        """Every listing's id, of those that there are so far."""
        for number in range(len(self._listings), len(self._market.stock.sold)):
            self._listings.append(f"{self.tag}-{number}")
        return self._listings

    def seller(self, number: int) -> str:
        """A seller's id."""
        return f"u{number}"

    def request(self, number: int) -> str:
        """A shelf's request id."""
        return f"{self.tag}-{number:x}"

    def sessions(self, user: Ints, at: Ints) -> list[str]:
        """A user's visits of a day are one session."""
        days = (at // DAY).tolist()
        return [f"{self.tag}-{who}-{day}" for who, day in zip(user.tolist(), days, strict=True)]

    def events(self, actions: Actions) -> list[str]:
        """The ids of events: what was done at which place of which shelf, so that it is the same each time."""
        each = zip(actions.shelf.tolist(), actions.kind.tolist(), actions.place.tolist(), strict=True)
        return [f"{self.tag}-{number:x}-{EVENT_LETTERS[kind]}{place}" for number, kind, place in each]
