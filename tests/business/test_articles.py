"""Articles without any vendor."""

import pytest
from sqlmodel import select

import business
from business.articles import Article, ArticleStatus, ArticleSubmitted, Library, TranslatedText, Translation
from framework.app import App, opened
from framework.errors import DispatchError
from framework.testing import emit


@pytest.fixture
def app():
    with opened(App(modules=business.MODULES)) as app:
        yield app


def submitted(app, text="It turns by itself.", target_lang="DE"):
    event = ArticleSubmitted(title="The mill", text=text, target_lang=target_lang)
    return app.dispatch(event).id


def the_translation(app, article_id):
    return app.query(select(Translation).where(Translation.article_id == article_id))[0]


def test_a_title_travels_with_its_text(app):
    request = the_translation(app, submitted(app)).request
    assert request.text == "The mill\n\nIt turns by itself."
    assert request.target_lang == "DE"


def test_an_article_is_translated_when_its_translation_is_there(app):
    id = submitted(app, text="It turns.\n\nBy itself.")
    result = TranslatedText(text="Die Mühle\n\nSie dreht sich.\n\nVon selbst.", detected_source_language="EN")
    emit(app, the_translation(app, id), "completed", result=result)
    article = app.get(Article, id)
    assert article.status is ArticleStatus.TRANSLATED
    assert article.translated_title == "Die Mühle"
    assert article.translated_text == "Sie dreht sich.\n\nVon selbst."
    assert article.source_lang == "EN"


def test_an_article_in_a_language_that_nobody_speaks_fails_and_keeps_its_own(app):
    id = submitted(app, target_lang="TLH")
    emit(app, the_translation(app, id), "failed", reason="Value for 'target_lang' not supported.")
    article = app.get(Article, id)
    assert article.status is ArticleStatus.FAILED
    assert article.title == "The mill"
    assert article.translated_title is None


def test_an_article_without_text_is_refused(app):
    with pytest.raises(DispatchError, match="text"):
        submitted(app, text="")


def test_the_library_counts_all_articles_and_those_that_are_translated(app):
    first, _ = submitted(app, text="four"), submitted(app, text="sixsix")
    emit(app, the_translation(app, first), "completed", result=TranslatedText(text="a\n\nb"))
    library = app.get(Library)
    assert (library.articles, library.translated, library.characters) == (2, 1, 10)
    assert app.verify() == []
