"""The composition root: the only file that knows business and integrations.

OpenAI and S3 are left out: no module of this business asks a model or takes a file. Give their factories the
class of calls that does.
"""

import os

import business
from business.articles import Translation
from business.donations import Speech
from business.orders import Charge
from business.quality import GateCheck, GateComment, GateNotice, PullRequestChanged
from framework.app import App, Settings
from framework.integration import AuthRef
from framework.web.access import BearerTokens
from integrations.deepl import create_deepl_integration
from integrations.github import GitHubDelivery, create_github_integration
from integrations.github.models import PullRequestTold
from integrations.slack import create_slack_integration
from integrations.stripe import create_stripe_integration
from integrations.volctts import create_volctts_integration


def create_app(database: str = "sqlite:///millrace.db") -> App:
    """The whole business with all its integrations, on this database. Nothing is opened yet."""
    return App(
        modules=business.MODULES,
        integrations=[
            create_stripe_integration(call=Charge),
            create_deepl_integration(call=Translation),
            create_volctts_integration(call=Speech),
            create_github_integration(GateCheck, GateComment, on_event=pull_request_changed),
            create_slack_integration(call=GateNotice),
        ],
        database=database,
        settings=Settings(authorize=BearerTokens({"operator": AuthRef("env://MILLRACE_API_TOKEN")})),
    )


def pull_request_changed(delivery: GitHubDelivery) -> PullRequestChanged | None:
    """What a delivery of GitHub is to the business: a new head of a pull request, or nothing."""
    match delivery.told:
        case PullRequestTold(action="opened" | "reopened" | "synchronize") as told:
            head, author = told.pull_request.head, told.pull_request.user
            return PullRequestChanged(
                repository=delivery.repository or "",
                number=told.number,
                branch=head.ref,
                head_sha=head.sha,
                author=author.login if author else "ghost",  # as GitHub calls whoever is gone
            )
        case _:
            return None


app = create_app(os.environ.get("DATABASE_URL", "sqlite:///millrace.db"))
