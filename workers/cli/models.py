"""`lookalike models …`: what a model folder is made of."""

from typing import Annotated, Literal, cast

import typer

from streams.errors import UsageError
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
    images: Annotated[int, typer.Option(min=1, max=20, help="How many pictures of a listing are taken.")] = 1,
    several: Annotated[
        str, typer.Option(help="mean (of these pictures) or first_good (the first of them that is).")
    ] = "mean",
    decode: Annotated[str, typer.Option(help="draft (JPEG at a reduced scale) or full.")] = "draft",
    profiles: Annotated[str, typer.Option(help="srgb (colour profiles are applied) or ignored.")] = "srgb",
    name: Annotated[str | None, typer.Option(help="The model's name: letters, digits and _.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the recipe of a model: all that decides a vector. Kept in the folder as recipe.json, it is what counts.

    Example: lookalike models recipe ./my-model --images 3 > recipe.json && mv recipe.json ./my-model/
    """
    from workers.models.folder import find_model, read_recipe
    from workers.models.loading import load_siglip

    if decode not in ("draft", "full"):
        raise UsageError("--decode is draft or full")
    if several not in ("mean", "first_good"):
        raise UsageError("--several is mean or first_good")
    if profiles not in ("srgb", "ignored"):
        raise UsageError("--profiles is srgb or ignored")
    folder = find_model(model or settings_of(context).model)
    found = read_recipe(
        folder,
        decode=cast('Literal["draft", "full"]', decode),
        images=images,
        name=name,
        profiles=cast('Literal["ignored", "srgb"]', profiles),
        several=cast('Literal["mean", "first_good"]', several),
    )
    load_siglip(folder)  # of a folder that no worker takes, no recipe is printed
    show(found.model_dump(), as_json=as_json, page=lambda: found.model_dump_json(indent=2))
