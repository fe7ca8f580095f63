"""What tests of integrations share."""

import pytest

pytest.register_assert_rewrite("framework.testing.contract.suite")

