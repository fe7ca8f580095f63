"""Donations without any vendor."""

import pytest
from sqlmodel import select

import business
from business.donations import Donation, DonationReceived, DonationStatus, Fund, Recording, Speech
from framework.app import App, opened
from framework.errors import DispatchError
from framework.testing import emit


@pytest.fixture
def app():
    with opened(App(modules=business.MODULES)) as app:
        yield app


def received(app, amount_cents=5000):
    return app.dispatch(DonationReceived(donor="Ada", amount_cents=amount_cents)).id


def the_thanks(app, donation_id):
    return app.query(select(Speech).where(Speech.donation_id == donation_id))[0]


def test_a_donor_is_thanked_by_name_and_with_the_amount(app):
    assert the_thanks(app, received(app, 1205)).request.text == "Thank you, Ada, for your 12.05 euros."


def test_a_donation_is_thanked_when_the_thanks_can_be_heard(app):
    id = received(app)
    emit(app, the_thanks(app, id), "completed", result=Recording(audio_url="https://example.org/a.mp3"))
    donation = app.get(Donation, id)
    assert donation.status is DonationStatus.THANKED
    assert donation.audio_url == "https://example.org/a.mp3"


def test_a_donation_counts_though_nobody_could_say_thanks(app):
    id = received(app)
    emit(app, the_thanks(app, id), "failed", reason="speaker permission denied")
    assert app.get(Donation, id).status is DonationStatus.UNTHANKED
    assert app.get(Fund).total_cents == 5000


def test_nothing_is_no_donation(app):
    with pytest.raises(DispatchError, match="amount_cents"):
        received(app, 0)


def test_the_fund_knows_its_total_and_its_largest_donation(app):
    ids = [received(app, cents) for cents in (100, 900, 500)]
    emit(app, the_thanks(app, ids[1]), "completed", result=Recording(audio_url="x"))
    fund = app.get(Fund)
    assert (fund.donations, fund.total_cents, fund.largest_cents, fund.thanked) == (3, 1500, 900, 1)
    assert app.verify() == []
