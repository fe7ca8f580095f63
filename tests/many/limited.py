"""Two vendors that have limits, for the charges of the shop and the letters of the post."""

from typing import Any

from framework.app import App, Settings
from framework.integration import Breaker, CallView, Completed, Failed, HTTPClient, Integration, Policy, Rate
from tests.many import post, shop
from tests.many.post import Letter
from tests.many.shop import Charge, address_of, ask, verdict

CONCURRENCY = 4
RATE = Rate(10, burst=9)


def build(url: str, port: int) -> App:
    """So many charges at once, and so many letters a second; one charge that fails is one too many."""
    limited = Policy(concurrency=CONCURRENCY, on_doubt="retry", breaker=Breaker(threshold=1, reset=600))
    vendors: list[Integration[Any]] = [
        Integration("till", settings=address_of(port), policy=limited),
        Integration("scribe", settings=address_of(port), policy=Policy(rate=RATE, on_doubt="retry")),
    ]
    till, scribe = vendors

    @till.call(Charge)
    async def charge(call: CallView[shop.ChargeRequest], http: HTTPClient) -> Completed | Failed:
        answer = await ask(http, "/charges", call.idempotency_key, call.customer, "/charges")
        return verdict(answer) or Completed()

    @scribe.call(Letter)
    async def write(call: CallView[post.LetterRequest], http: HTTPClient) -> Completed | Failed:
        answer = await ask(http, "/letters", call.idempotency_key, call.request.to, "/letters")
        return verdict(answer) or Completed()

    return App([shop.MODULE, post.MODULE], vendors, url, settings=Settings(synchronous="OFF"))
