"""A verdict is announced to the channel that wants to hear it, without any vendor."""

import pytest
from sqlmodel import select

from business import quality
from business.quality import (
    GateNotice,
    NoticePosted,
    PullRequestChanged,
    Quality,
    QualityMeasured,
    Revision,
    Verdict,
)
from framework.app import App, opened
from framework.testing import emit

SHA = "0123456789abcdef0123456789abcdef01234567"
CHANNEL = "C0QUALITY0"


@pytest.fixture
def app():
    with opened(App([quality])) as app:
        yield app


def measured(app, *, coverage=85, tests_passed=12, channel=CHANNEL, branch="tea"):
    """The id of the verdict on a change of this branch."""
    changed = PullRequestChanged(repository="octo/shop", number=7, branch=branch, head_sha=SHA, author="ada")
    event = QualityMeasured(
        revision_id=app.dispatch(changed).id,
        repository="octo/shop",
        number=7,
        head_sha=SHA,
        coverage_percent=coverage,
        tests_passed=tests_passed,
        tests_total=12,
        channel=channel,
    )
    return app.dispatch(event).id


def notices(app):
    return app.query(select(GateNotice))


def the_notice(app):
    (notice,) = notices(app)
    return notice


@pytest.mark.parametrize(
    ("coverage", "tests_passed", "color", "header"),
    [
        (85, 12, "#36a64f", ":white_check_mark: *Quality Gate Passed*"),
        (79, 12, "#ff0000", ":x: *Quality Gate Failed*"),
        (85, 11, "#ff0000", ":x: *Quality Gate Failed*"),
    ],
)
def test_a_notice_shows_the_verdict_in_its_colour_and_what_it_rests_on(
    app, coverage, tests_passed, color, header
):
    measured(app, coverage=coverage, tests_passed=tests_passed)
    request = the_notice(app).request
    assert request.channel == CHANNEL
    (attachment,) = request.attachments
    headline, figures = attachment.blocks
    assert attachment.color == color
    assert headline.text.text == header
    assert [field.text for field in figures.fields] == [
        f"*Coverage:* {coverage}%",
        f"*Tests:* {tests_passed}/12",
        "*Branch:* tea",
        f"*Commit:* {SHA[:7]}",
    ]


def test_who_sees_no_attachments_reads_the_same(app):
    measured(app, coverage=70)
    request = the_notice(app).request
    assert request.text == "Quality Gate Failed: octo/shop #7"
    assert request.attachments[0].fallback == "Quality Gate Failed: 12 of 12 tests passed, 70% covered"


def test_where_nobody_wants_to_hear_it_nothing_is_announced(app):
    verdict = measured(app, channel=None)
    assert notices(app) == []
    assert app.get(Verdict, verdict).announced is False


def test_the_name_of_a_branch_rings_no_bell(app):
    measured(app, branch="<!channel>&co")
    _, figures = the_notice(app).request.attachments[0].blocks
    assert figures.fields[2].text == "*Branch:* &lt;!channel&gt;&amp;co"


def test_a_verdict_is_announced_once_it_is_heard(app):
    verdict = measured(app)
    assert app.get(Verdict, verdict).announced is False
    emit(app, the_notice(app), "completed", result=NoticePosted(channel=CHANNEL, ts="1503435956.000247"))
    assert app.get(Verdict, verdict).announced is True
    assert app.get(Quality).announced == 1
    assert app.verify() == []


def test_a_notice_that_fails_changes_no_verdict(app):
    verdict = measured(app)
    emit(app, the_notice(app), "failed", reason="The channel is archived.")
    assert app.get(Verdict, verdict).announced is False
    assert app.get(Verdict, verdict).passed is True
    assert app.get(Revision, app.get(Verdict, verdict).revision_id).passed is True


def test_the_branch_of_a_verdict_is_that_of_its_revision(app):
    verdict = measured(app, branch="coffee")
    assert app.get(Verdict, verdict).branch == "coffee"
