"""The composition root: the only file that knows both the shop and Pigeon."""

import os

from docs.tutorial.code import shop
from docs.tutorial.code.pigeon import create_pigeon_integration
from framework.app import App

app = App(
    modules=[shop],
    integrations=[create_pigeon_integration(shop.Announcement)],
    database=os.environ.get("DATABASE_URL", "sqlite:///shop.db"),
)
