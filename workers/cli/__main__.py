"""`python -m workers.cli`: the program without its installed script."""

from workers.cli import main

main()
