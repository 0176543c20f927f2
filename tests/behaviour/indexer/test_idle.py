"""A worker that is given nothing for long."""

import time

from catalogue import Catalogue, catalogue
from program import index_worker
from streams.settings import Settings
from workers.indexer.lease import HOLD_SECONDS, RENEW_SECONDS


def test_the_first_listing_after_a_silence_waits_for_nothing(stack: Settings, shop: Catalogue) -> None:
    """The group has confirmed all along that the partitions are its own."""
    with catalogue(stack, shop.folder) as own, index_worker(own.settings, "--device", "cpu") as worker:
        time.sleep(HOLD_SECONDS + RENEW_SECONDS)  # what is tested is that this time changes nothing
        own.index(own.event(own.new_id(), 1, image_urls=[own.picture(90)]))
        assert not worker.events("waiting")
