"""The composition root: the only file that knows business and integrations."""

import os

import business
from business.articles import Translation
from business.donations import Speech
from business.orders import Charge
from framework.app import App
from integrations.deepl import create_deepl_integration
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
        ],
        database=database,
    )


app = create_app(os.environ.get("DATABASE_URL", "sqlite:///millrace.db"))
