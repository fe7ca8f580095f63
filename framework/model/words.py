"""The words of declarations, `Sum(...)`, `on(...)`: what one cannot take is said as it is of all of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, TypeVar

from framework.errors import DeclarationError

F = TypeVar("F", bound=Callable[..., Any])


class WrongArguments(DeclarationError):
    """`{word}` cannot be declared like this: {problem}. Write it as `{word}({parameters})`."""


class NotNames(DeclarationError):
    """{place} says `{word}={given!r}`, which is no tuple of names. Write `{word}=({example},)`."""


class NotAboveAFunction(DeclarationError):
    """`{word}` is for a function, and was given {given!r}. Write it above one: `{example}`."""


class WithoutClass(DeclarationError):
    """`{word}` was given {given!r}, where it names a class. Write `{example}`."""


class WrongOption(DeclarationError):
    """`{word}({name}={given!r})` cannot be: {name} is {must}."""


class Word(type):
    """A class whose instances are declarations: raises WrongArguments for what it does not take."""

    if not TYPE_CHECKING:  # to type checkers it is made as any other

        def __call__(cls, *given: Any, **named: Any) -> Any:
            try:
                return super().__call__(*given, **named)
            except TypeError:
                _refuse_misfit(cls.__name__, cls.__init__, (cls, *given), named)  # type: ignore[misc]  # of this class
                raise


def word(function: F) -> F:
    """A function that gives a declaration: raises WrongArguments for what it does not take."""

    @wraps(function)
    def said(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except TypeError:
            _refuse_misfit(function.__name__, function, given, named)
            raise

    return said  # type: ignore[return-value]  # it takes and gives what the function does


def name_of(function: Any, word: str, example: str) -> str:
    """The name of a function that a word stands above; raises NotAboveAFunction for anything else."""
    if isinstance(function, type) or not (callable(function) and hasattr(function, "__qualname__")):
        raise NotAboveAFunction(word=word, given=function, example=example)
    return str(function.__name__)


def check_class(given: Any, word: str, example: str) -> None:
    """Raises WithoutClass for what is none."""
    if not isinstance(given, type):
        raise WithoutClass(word=word, given=given, example=example)


def check_text(given: Any, word: str, name: str) -> None:
    """Raises WrongOption for what is neither a text nor None."""
    if given is not None and not (isinstance(given, str) and given):
        raise WrongOption(word=word, name=name, given=given, must="a text")


def takes(function: Any, count: int) -> bool:
    """Whether it can be called with so many arguments; of one of C, whose parameters nobody knows, it is
    taken for granted.
    """
    try:
        signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def is_required(declaration: Any, name: str) -> bool:
    """Whether it cannot be declared without this argument."""
    return signature(declaration.__init__).parameters[name].default is Parameter.empty


def check_reads(given: Any, place: str) -> None:
    """Raises NotNames for declared reads that are no tuple of names; None declares nothing."""
    if given is not None:
        check_names(given, "reads", place)


def check_names(given: Any, word: str, place: str) -> None:
    """Raises NotNames for a text, which is a tuple of letters to Python, and for what holds nothing."""
    if isinstance(given, str) or not isinstance(given, Collection):
        example = repr(given) if isinstance(given, str) else '"field"'
        raise NotNames(place=place, word=word, given=given, example=example)


def _refuse_misfit(
    name: str, function: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]
) -> None:
    taken = signature(function)
    unknown = [one for one in named if one not in taken.parameters]
    try:
        taken.bind(*given, **named)
    except TypeError as misfit:
        problem = f"it has no {unknown[0]!r}" if unknown else str(misfit)
        raise WrongArguments(word=name, problem=problem, parameters=_written(taken)) from None


def _written(taken: Signature) -> str:
    """The parameters as a reader of the declaration wants them: without types, and without `self`."""
    plain = [one.replace(annotation=one.empty) for one in taken.parameters.values() if one.name != "self"]
    return str(taken.replace(parameters=plain, return_annotation=taken.empty))[1:-1]
