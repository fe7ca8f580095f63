"""Documents go to DeepL, are asked about until they are translated, and are fetched once."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from framework import CallStatus
from framework.testing.contract.bench import Bench
from framework.testing.sandbox import Fault
from integrations.deepl.client import DeepLClient, DeepLRefusal
from integrations.deepl.mapping import external_id_of, handle_in
from integrations.deepl.sandbox import DeepLSandbox
from tests.contracts.checker import Contract
from tests.integrations.deepl.subject import DEEPL_DOCUMENTS, Paper, TranslatedPaper
from tests.integrations.deepl.test_deepl_contract import Witness, contract, witness

__all__ = ["contract", "witness"]  # fixtures
pytestmark = pytest.mark.anyio


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with DEEPL_DOCUMENTS.at_home():
        at_work = Bench(DEEPL_DOCUMENTS, tmp_path / "documents.db")
        try:
            yield at_work
        finally:
            at_work.close()


def asked(deepl: Bench, ending: str) -> int:
    return sum(one.path.endswith(ending) for one in deepl.sandbox.requests)


async def test_a_document_comes_home_translated(tmp_path: Path) -> None:
    async with bench(tmp_path) as deepl:
        id = deepl.place()
        await deepl.settle()
        assert deepl.call(id).status is CallStatus.PROCESSING
        await deepl.end(id)
        done: Any = deepl.call(id)
        assert done.status is CallStatus.COMPLETED
        assert isinstance(done.result, TranslatedPaper)
        assert b64decode(done.result.content_base64) == b"[DE] Good morning"
        assert deepl.history(id) == ["initialized", "processing", "completed"]
        assert asked(deepl, "/result") == 1


async def test_bytes_stay_as_they_are(tmp_path: Path) -> None:
    async with bench(tmp_path) as deepl:
        content = bytes(range(256))
        id = deepl.place(Paper(filename="scan.pdf", content_base64=b64encode(content).decode()))
        await deepl.end(id)
        done: Any = deepl.call(id)
        assert b64decode(done.result.content_base64) == b"[DE] " + content


async def test_what_deepl_cannot_translate_fails_with_its_words(tmp_path: Path) -> None:
    async with bench(tmp_path) as deepl:
        sandbox: Any = deepl.sandbox
        id = deepl.place()
        await deepl.settle()
        (document,) = sandbox.documents.values()
        document.failure = "Source and target language are equal."
        await deepl.end(id)
        failed = deepl.call(id)
        assert (failed.status, failed.error) == (CallStatus.FAILED, "Source and target language are equal.")


async def test_a_document_whose_download_was_lost_is_gone_and_the_business_hears_what_to_do(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as deepl:
        sandbox: Any = deepl.sandbox
        id = deepl.place()
        await deepl.settle()
        (document,) = sandbox.documents.values()
        document.handed_out = True
        await deepl.end(id)
        gone = deepl.call(id)
        assert gone.status is CallStatus.FAILED
        assert gone.error is not None
        assert gone.error.startswith("DeepL hands a document out once")
        assert gone.error.endswith("Make a new call.")


async def test_a_document_that_deepl_forgot_is_gone(tmp_path: Path) -> None:
    async with bench(tmp_path) as deepl:
        sandbox: Any = deepl.sandbox
        id = deepl.place()
        await deepl.settle()
        sandbox.documents.clear()
        await deepl.end(id)
        assert [one.code for one in deepl.events(id)][-1] == "document_gone"


async def test_a_lost_answer_to_the_upload_costs_its_characters_once_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as deepl:
        deepl.sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
        id = deepl.place()
        await deepl.end(id)
        assert deepl.call(id).status is CallStatus.COMPLETED
        assert (asked(deepl, "/document"), deepl.effects) == (2, 2)


async def test_what_is_no_base64_is_ours_to_correct_and_not_repeated(tmp_path: Path) -> None:
    async with bench(tmp_path) as deepl:
        id = deepl.place(Paper(content_base64="my secret, as it is"))
        await deepl.end(id)
        failed = deepl.call(id)
        assert failed.status is CallStatus.FAILED
        assert failed.error == (
            "The request of ContractDocument is no document: see content_base64. Pass `to_document`."
        )
        assert len(deepl.sandbox.requests) == 0


async def test_documents_are_spoken_of_as_described(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox, witness: Witness, contract: Contract
) -> None:
    handle = await deepl.upload(b"Good morning", "letter.txt", target_lang="DE", source_lang="EN")
    assert handle_in(external_id_of(handle)) == handle
    assert (await deepl.standing(handle)).status == "translating"
    with pytest.raises(DeepLRefusal, match="not ready"):
        await deepl.download(handle)
    assert (await deepl.standing(handle)).status == "done"
    assert await deepl.download(handle) == b"[DE] Good morning"
    with pytest.raises(DeepLRefusal, match="already downloaded"):
        await deepl.download(handle)
    with pytest.raises(DeepLRefusal, match="not found"):
        await deepl.standing(handle.model_copy(update={"document_key": "WRONG"}))
    with pytest.raises(DeepLRefusal, match="extension"):
        await deepl.upload(b"", "program.exe", target_lang="DE")
    same = await deepl.upload(b"Guten Morgen", "letter.txt", target_lang="DE", source_lang="DE")
    await deepl.standing(same)
    assert (await deepl.standing(same)).error_message == "Source and target language are equal."
    assert len(witness.exchanges) == 11
    assert witness.problems(contract, "/deepl") == []
