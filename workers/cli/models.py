"""`lookalike models …`: what a model folder is made of."""

from typing import Annotated, Literal, cast

import typer

from streams.failures import CommandFailed
from workers.cli.output import JsonOption, settings_of, show

app = typer.Typer(help="Look at models.", no_args_is_help=True)


@app.callback()
def models() -> None:
    """Look at models.

    Example: lookalike models recipe ./siglip2-base-patch16-256
    """


@app.command()
def recipe(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A folder, or org/name@revision; none: the one in the settings.")] = "",
    images: Annotated[int, typer.Option(min=1, max=20, help="The vector is the mean of the first so many.")] = 1,
    decode: Annotated[str, typer.Option(help="draft (JPEG at a reduced scale) or full.")] = "draft",
    name: Annotated[str | None, typer.Option(help="The model's name: letters, digits and _.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the recipe of a model: all that decides a vector. Kept in the folder as recipe.json, it is what counts.

    Example: lookalike models recipe ./my-model --images 3 > recipe.json && mv recipe.json ./my-model/
    """
    from workers.models.folder import find_model, read_recipe

    if decode not in ("draft", "full"):
        raise CommandFailed("--decode is draft or full", 2)
    folder = find_model(model or settings_of(context).model)
    found = read_recipe(folder, decode=cast('Literal["draft", "full"]', decode), images=images, name=name)
    show(found.model_dump(), as_json=as_json, lines=lambda: found.model_dump_json(indent=2))
