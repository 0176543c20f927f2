"""How many ordinary JPEGs are decoded a second, here and in another checkout: `… tests.benchmarks.decoding TREE`.

Both in one run, in turns, on the same files, each by processor time in a process of its own; then the median ratio.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .pictures import make

COUNT, ROUNDS = 48, 11
_HERE = Path(__file__).parents[2]
_CODE = """
import sys, time
from pathlib import Path
from workers.images.decode import decode
from workers.models.folder import BUNDLED, read_recipe
files, recipe = [path.read_bytes() for path in sorted(Path(sys.argv[1]).glob("*.jpg"))], read_recipe(BUNDLED)
for data in files:
    decode(data, recipe, max_pixels=50_000_000)
began = time.process_time()
for _ in range(4):
    for data in files:
        decode(data, recipe, max_pixels=50_000_000)
print(4 * len(files) / (time.process_time() - began))
"""


def rate(tree: Path, folder: Path) -> float:
    """Pictures a second of processor time."""
    ran = subprocess.run([sys.executable, "-c", _CODE, str(folder)], cwd=tree, check=True, capture_output=True)
    return float(ran.stdout)


if __name__ == "__main__":
    other = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        size = make(Path(name), COUNT)
        sys.stdout.write(f"{COUNT} JPEGs of 800 × 800 pixels, {size / 1_000:.0f} kB on average\n")
        ratios = []
        for _ in range(ROUNDS):
            there, here = rate(other, Path(name)), rate(_HERE, Path(name))
            ratios.append(here / there)
            sys.stdout.write(f"{there:.0f} there, {here:.0f} here, ratio {ratios[-1]:.3f}\n")
        sys.stdout.write(f"median ratio {statistics.median(ratios):.3f}\n")
