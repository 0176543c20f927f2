"""The command line of an options class: one declaration of names, limits, defaults and help, beside what they mean.

    @dataclass(frozen=True)
    class GreetOptions:
        times: Annotated[int, typer.Option(min=1, help="How often.")] = 1

    @command_options
    def greet(context: typer.Context, options: GreetOptions) -> None: ...

`greet` then has the option `--times`. Fields that are dataclasses themselves give theirs, to any depth; fields without
`typer.Option` are not on the command line.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from functools import wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

_OPTIONS = "options"
"""The parameter of a command that stands for all of them."""


def command_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, its parameter `options` replaced by the options of the class that annotates it.

    The class must have a default for every field. It is built when the command runs; what it raises then is the
    command's own error.
    """
    signature = inspect.signature(command, eval_str=True)
    default = signature.parameters[_OPTIONS].annotation()
    declared = {each.name: each for each in _declared(default)}

    @wraps(command)
    def run(**given: Any) -> None:
        values = {name: each.read(given.pop(name)) for name, each in declared.items()}
        command(**given, **{_OPTIONS: _built(default, values)})

    parameters: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        expanded = [option.parameter() for option in declared.values()] if each.name == _OPTIONS else [each]
        parameters += [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in expanded]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


@dataclass(frozen=True)
class _Declared:
    """One option: its field, and the name of its parameter, which is unique among nested classes."""

    name: str
    field: "Field[Any]"
    annotation: Any
    option: OptionInfo

    def parameter(self) -> inspect.Parameter:
        """As typer expects it in the signature of a command."""
        option, kind = copy(self.option), self.annotation
        if option.default is ...:  # typer would name the option after the parameter
            option.param_decls = (f"--{self.field.name.replace('_', '-')}", *(option.param_decls or ()))
        default = None if self.field.default is MISSING else self.field.default
        if get_origin(kind) is tuple:
            default = None
            kind = list[str] | None if get_args(kind)[0] is str else str | None
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
        )

    def read(self, given: Any) -> Any:
        """The field's value for what typer parsed; raises typer.BadParameter."""
        if get_origin(self.annotation) is not tuple:
            return given
        if given is None:
            return self.field.default
        return tuple(given) if get_args(self.annotation)[0] is str else self._numbers(given)

    def _numbers(self, text: str) -> tuple[float, ...]:
        low, high = float(self.option.min or 0), float(self.option.max or 0)
        try:
            found = tuple(float(part) for part in text.split(",") if part.strip())
        except ValueError:
            found = (low - 1,)
        if not all(low <= each <= high for each in found):
            message = f"numbers between {low:g} and {high:g}, with commas between them"
            raise typer.BadParameter(message, param_hint=f"--{self.field.name.replace('_', '-')}")
        return found


def _declared(default: Any, path: str = "") -> Iterator[_Declared]:
    hints = get_type_hints(type(default), include_extras=True)
    for field in fields(default):
        value, name = getattr(default, field.name), f"{path}{field.name}"
        annotation, *more = get_args(hints[field.name]) if _is_annotated(hints[field.name]) else (hints[field.name],)
        option = next((each for each in more if isinstance(each, OptionInfo)), None)
        if option is not None:
            yield _Declared(name, field, annotation, option)
        elif is_dataclass(value):
            yield from _declared(value, f"{name}__")


def _is_annotated(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def _built(default: Any, values: Mapping[str, Any], path: str = "") -> Any:
    changed = {}
    for field in fields(default):
        name, value = f"{path}{field.name}", getattr(default, field.name)
        if name in values:
            changed[field.name] = values[name]
        elif is_dataclass(value):
            changed[field.name] = _built(value, values, f"{name}__")
    return replace(default, **changed)
