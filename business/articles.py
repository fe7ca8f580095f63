"""An article is translated once into the language that its author chose."""

from enum import StrEnum
from uuid import UUID

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Global,
    Latest,
    Payload,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    completed,
    computed,
    derive,
    failed,
)

HEADLINE_END = "\n\n"


class ArticleStatus(StrEnum):
    """Where an article stands."""

    DRAFT = "draft"
    TRANSLATED = "translated"
    FAILED = "failed"


class ArticleSubmitted(Event, table=True):
    """An author handed in an article and chose a language."""

    title: str = Field(min_length=1)
    text: str = Field(min_length=1)
    target_lang: str


class TranslationRequest(Payload):
    """A text, and the language in which it is to be read."""

    text: str
    target_lang: str


class TranslatedText(Payload):
    """The text in that language, and the language that it was in."""

    text: str
    detected_source_language: str | None = None


class Translation(APICall, table=True):
    """The intent to have an article translated."""

    article_id: UUID = Field(foreign_key="article.id", index=True)
    request: TranslationRequest
    result: TranslatedText | None = None


class Article(Entity, table=True):
    """An article in its own language, and in the other one as soon as that is there."""

    title: str
    text: str
    target_lang: str
    translations: list[Translation] = Relationship()

    translated_title: str | None = computed(
        Latest(translations, lambda t: t.result.text.partition(HEADLINE_END)[0] if t.result else None)
    )
    translated_text: str | None = computed(
        Latest(translations, lambda t: t.result.text.partition(HEADLINE_END)[2] if t.result else None)
    )
    source_lang: str | None = computed(
        Latest(translations, lambda t: t.result.detected_source_language if t.result else None)
    )
    status: ArticleStatus = computed(
        StateMachine(
            ArticleStatus.DRAFT,
            Transition(ArticleStatus.DRAFT, ArticleStatus.TRANSLATED, when=completed(translations)),
            Transition(ArticleStatus.DRAFT, ArticleStatus.FAILED, when=failed(translations)),
        )
    )


class Library(Global, table=True):
    """All articles together."""

    articles: int = computed(Count(Article))
    translated: int = computed(Count(Article, lambda a: a.status is ArticleStatus.TRANSLATED))
    characters: int = computed(Sum(Article, lambda a: len(a.text)))


@derive
def article(submitted: ArticleSubmitted) -> Article:
    """Every article that was handed in is an article, under the same id."""
    return Article(
        id=submitted.id,
        title=submitted.title,
        text=submitted.text,
        target_lang=submitted.target_lang,
    )


@derive
def translation(article: Article) -> Translation:
    """An article is translated once; its title travels with it, to be understood in its context."""
    request = TranslationRequest(
        text=f"{article.title}{HEADLINE_END}{article.text}", target_lang=article.target_lang
    )
    return Translation(article_id=article.id, request=request)
