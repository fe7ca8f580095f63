"""All integrations that the contract is asked of."""

from tests.integrations.deepl.subject import DEEPL, DEEPL_DOCUMENTS
from tests.integrations.github.subject import GITHUB, GITHUB_COMMENTS
from tests.integrations.openai.subject import OPENAI
from tests.integrations.s3.subject import S3
from tests.integrations.slack.subject import SLACK
from tests.integrations.stripe.subject import STRIPE, STRIPE_REFUNDS
from tests.integrations.volctts.subject import VOLCTTS, VOLCTTS_STREAMING

SUBJECTS = (
    DEEPL,
    DEEPL_DOCUMENTS,
    GITHUB,
    GITHUB_COMMENTS,
    OPENAI,
    S3,
    SLACK,
    STRIPE,
    STRIPE_REFUNDS,
    VOLCTTS,
    VOLCTTS_STREAMING,
)
