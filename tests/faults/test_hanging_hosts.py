"""Image hosts that hang, made by one attacker in each way that costs nothing; a bystander does not notice."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.bystander import Bystander, assert_unharmed
from faults.case import Case
from faults.scene import DEFAULT_IN_HAND, IN_HAND, Scene
from hanging import HangingHosts, hanging_hosts
from pictures import jpeg

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
PORTS, HOSTS, EVENTS, TIMES = 30, 200, 200, 5
NAMES = [f"img{number}.evil.example" for number in range(HOSTS)]
SILENT = [f"img{number}.silent.example" for number in range(HOSTS)]
ADDRESSES = [f"127.0.1.{number}" for number in range(1, HOSTS + 1)]
HANGING = ("127.0.0.99", "127.0.0.98", *ADDRESSES)


def thirty_ports(number: int, port: int) -> str:
    """Of one address."""
    return f"http://127.0.0.99:{port}/hang/{number}.jpg"


def names_of_one_domain(number: int, port: int) -> str:
    """Two hundred of them."""
    return f"http://{NAMES[number % HOSTS]}:{port}/hang/{number}.jpg"


def names_whose_servers_hang(number: int, port: int) -> str:
    """Two hundred of one domain."""
    return f"http://{SILENT[number % HOSTS]}:{port}/hang/{number}.jpg"


def hosts_of_one_seller(number: int, port: int) -> str:
    """Two hundred, each with an address of its own."""
    return f"http://{ADDRESSES[number % HOSTS]}:{port}/hang/{number}.jpg"


def chains_of_redirects(number: int, port: int) -> str:
    """Each hop hangs for nearly as long as is waited for it."""
    return f"http://127.0.0.99:{port}/hops/{number}.jpg"


ATTACKS = {
    thirty_ports: "",
    names_of_one_domain: "",
    names_whose_servers_hang: "",
    hosts_of_one_seller: "evil",
    chains_of_redirects: "",
}
"""Where the pictures of each are, and who publishes them, where that is one seller."""


@pytest.fixture
def evil() -> Iterator[HangingHosts]:
    """All that hangs."""
    with hanging_hosts(jpeg(7), PORTS) as hosts:
        yield hosts


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the name service of the workers says of the two domains; `silent` is the address of the second."""
    file = tmp_path / "names.json"
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support" / "name_service"))
    monkeypatch.setenv("TEST_NAMES", str(file))

    def say(silent: str | None = None) -> None:
        file.write_text(json.dumps({"*.evil.example": "127.0.0.98", "*.silent.example": silent}))

    say()
    return say


@pytest.mark.full
@pytest.mark.timeout(400)
@pytest.mark.parametrize("in_hand", [IN_HAND, DEFAULT_IN_HAND])
def test_a_bystander_of_hosts_that_hang(
    own_scene: Scenes, make_case: MakeCase, evil: HangingHosts, names: Callable[..., None], in_hand: int
) -> None:
    """Each attack comes on top of those before; the worst time of a good listing is told, not the usual one."""
    scene = own_scene(
        "--in-hand", str(in_hand), "--retry-delays", "5,15" + ",30" * 20, hosts=(*HANGING, *NAMES, *SILENT)
    )
    scene.crew.ready()
    case = make_case(f"hosts that hang, {in_hand} in hand", scene)
    bystander = Bystander.of_case(case)
    quiet = bystander.seconds()
    worst: dict[str, float] = {}
    for attack, seller in ATTACKS.items():
        urls = [attack(number, evil.ports[number % PORTS]) for number in range(EVENTS)]
        made = [case.of_url(url, seller_id=seller or f"seller{number}") for number, url in enumerate(urls)]
        case.send(made)
        worst[attack.__name__] = max(bystander.seconds(1) for _ in range(TIMES))
    case.note = f"quiet {quiet:.2f} s, worst " + ", ".join(f"{each:.2f} s" for each in worst.values())
    for name, seconds in worst.items():
        assert_unharmed(quiet, seconds, what=name)
    evil.heal()
    names(silent="127.0.0.98")
    case.holds(seconds=240)
