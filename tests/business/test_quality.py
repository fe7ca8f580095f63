"""Verdicts without any vendor: what GitHub would say is said by the test."""

import pytest
from sqlmodel import select

from business import quality
from business.quality import (
    CheckShown,
    CommentWritten,
    GateCheck,
    GateComment,
    PullRequestChanged,
    Quality,
    QualityMeasured,
    Revision,
    Showing,
    Verdict,
)
from framework.app import App, opened
from framework.errors import DispatchError
from framework.testing import emit

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def app():
    with opened(App([quality])) as app:
        yield app


def changed(app, head_sha=SHA):
    """The id of a revision, and of the event that told of it."""
    event = PullRequestChanged(
        repository="octo/shop", number=7, branch="tea", head_sha=head_sha, author="ada"
    )
    return app.dispatch(event).id


def measured(app, revision_id, coverage_percent=85, tests_passed=12, tests_total=12):
    """The id of a verdict, and of the measurement that it rests on."""
    event = QualityMeasured(
        revision_id=revision_id,
        repository="octo/shop",
        number=7,
        head_sha=SHA,
        coverage_percent=coverage_percent,
        tests_passed=tests_passed,
        tests_total=tests_total,
    )
    return app.dispatch(event).id


def the(app, call, verdict_id):
    (found,) = app.query(select(call).where(call.verdict_id == verdict_id))
    return found


def test_a_change_is_a_revision_that_nobody_has_judged(app):
    revision = app.get(Revision, changed(app))
    assert (revision.number, revision.head_sha, revision.author) == (7, SHA, "ada")
    assert (revision.measured, revision.passed) == (0, None)
    assert app.query(select(GateCheck)) == []


@pytest.mark.parametrize(
    ("coverage", "tests", "passed"),
    [(80, 12, True), (100, 12, True), (79, 12, False), (100, 11, False)],
)
def test_a_revision_passes_with_all_tests_and_enough_coverage(app, coverage, tests, passed):
    revision = changed(app)
    verdict = measured(app, revision, coverage, tests)
    assert app.get(Verdict, verdict).passed is passed
    assert app.get(Revision, revision).passed is passed
    conclusion = "success" if passed else "failure"
    assert the(app, GateCheck, verdict).request.conclusion == conclusion


def test_a_verdict_is_shown_and_told_once(app):
    verdict = measured(app, changed(app), coverage_percent=70)
    check, comment = the(app, GateCheck, verdict).request, the(app, GateComment, verdict).request
    assert (check.repository, check.head_sha, check.name) == ("octo/shop", SHA, "Quality Gate")
    assert (check.title, check.summary) == ("Quality Gate failed", "12 of 12 tests passed, 70% covered")
    assert "| Coverage | 70% | 80% |" in check.text
    assert (comment.repository, comment.number) == ("octo/shop", 7)
    assert comment.body.startswith(":x: **Quality Gate failed**")
    assert SHA[:7] in comment.body


def test_the_verdict_says_where_it_is_seen_and_read(app):
    verdict = measured(app, changed(app))
    assert app.get(Verdict, verdict).showing is Showing.PENDING
    emit(app, the(app, GateCheck, verdict), "completed", result=CheckShown(url="https://example.org/run"))
    emit(app, the(app, GateComment, verdict), "completed", result=CommentWritten(url="https://example.org/c"))
    seen = app.get(Verdict, verdict)
    assert (seen.showing, seen.check_url, seen.comment_url) == (
        Showing.SHOWN,
        "https://example.org/run",
        "https://example.org/c",
    )


def test_a_check_that_fails_leaves_the_comment_alone(app):
    verdict = measured(app, changed(app))
    emit(app, the(app, GateCheck, verdict), "failed", reason="No commit found.")
    assert app.get(Verdict, verdict).showing is Showing.UNSEEN
    assert the(app, GateComment, verdict).error is None
    emit(app, the(app, GateComment, verdict), "completed", result=CommentWritten(url="https://example.org/c"))
    assert app.get(Verdict, verdict).comment_url == "https://example.org/c"


def test_a_revision_that_is_measured_again_is_what_the_last_verdict_says(app):
    revision = changed(app)
    measured(app, revision, tests_passed=11)
    measured(app, revision)
    assert (app.get(Revision, revision).measured, app.get(Revision, revision).passed) == (2, True)


def test_quality_is_known_as_a_whole(app):
    measured(app, changed(app), coverage_percent=90)
    measured(app, changed(app, "f" * 40), coverage_percent=70)
    whole = app.get(Quality)
    assert (whole.revisions, whole.passed, whole.failed, whole.coverage_percent) == (2, 1, 1, 80)
    assert app.verify() == []


def test_what_cannot_be_measured_is_refused(app):
    revision = changed(app)
    with pytest.raises(DispatchError, match="coverage_percent"):
        measured(app, revision, coverage_percent=101)
    with pytest.raises(DispatchError, match="Revision"):
        measured(app, QualityMeasured.model_fields["id"].default_factory())
    assert app.query(select(Verdict)) == []
