"""`lookalike models …`: what a model folder is made of."""

from typing import Annotated

import typer

from schemas.model import Decode, Profiles, Several
from workers.cli.output import JsonOption, settings_of, show

app = typer.Typer(help="Look at models.", epilog="Example: lookalike models recipe ./my-model", no_args_is_help=True)


@app.callback()
def models() -> None:
    """Look at models."""  # with a callback, one command is a group too


@app.command()
def recipe(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            help="A model folder, or a Hugging Face id org/name@revision; by default that of LOOKALIKE_MODEL."
        ),
    ] = "",
    images: Annotated[
        int, typer.Option(min=1, max=20, help="Pictures of a listing that are used: its first ones.")
    ] = 1,
    several: Annotated[
        Several, typer.Option(help="mean: of the vectors of these pictures; first_good: the first that can be decoded.")
    ] = "mean",
    decode: Annotated[
        Decode, typer.Option(help="draft: JPEG at a reduced scale, faster; full: at its own scale.")
    ] = "draft",
    profiles: Annotated[
        Profiles, typer.Option(help="srgb: colour profiles are applied; ignored: they are not.")
    ] = "srgb",
    name: Annotated[str | None, typer.Option(help="The model's name in its id: letters, digits and _.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the recipe of a model: all that decides a vector. In the model folder as recipe.json, it takes precedence.

    Example: lookalike models recipe ./my-model --images 3 > recipe.json && mv recipe.json ./my-model/
    """
    from workers.models.folder import find_model, read_recipe
    from workers.models.loading import load_siglip

    folder = find_model(model or settings_of(context).model)
    found = read_recipe(folder, decode=decode, images=images, name=name, profiles=profiles, several=several)
    load_siglip(folder)  # of a folder that no worker takes, no recipe is printed
    show(found.model_dump(), as_json=as_json, page=lambda: found.model_dump_json(indent=2))
