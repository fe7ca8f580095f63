"""The contract that every integration keeps, as a suite of tests that needs no code for a vendor.

Describe an integration in a `Subject`, and let a class of tests inherit `IntegrationContract` (in `suite`,
which needs pytest).
"""

from framework.testing.contract.cases import CASES, Case, exemption
from framework.testing.contract.subject import Subject, Variant

__all__ = ["CASES", "Case", "Subject", "Variant", "exemption"]
