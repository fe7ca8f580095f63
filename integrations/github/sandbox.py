"""A double of GitHub: check runs, statuses, comments, pull requests, and webhooks that are sent once.

Like GitHub it does not deliver again by itself, but keeps what it could not deliver and delivers it again on
request. It takes one token, and those that it gives to an App. A person's token may not write check runs.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import SecretStr, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from framework.testing.postman import Letter
from framework.testing.sandbox import Sandbox
from integrations.github import objects
from integrations.github.mapping import ANNOTATIONS_AT_ONCE, COMMENT_LIMIT, DESCRIPTION_LIMIT, TEXT_LIMIT
from integrations.github.models import AnnotationLevel, CheckStatus, Conclusion, State, timestamp
from integrations.github.objects import Object
from integrations.github.tokens import is_personal
from integrations.github.webhooks import DELIVERY, EVENT, SIGNATURE, sign

HOUR = timedelta(hours=1)
QUOTA = 5000
"""Requests an hour, as GitHub grants them to a person or a small installation."""
VERSIONS = ("2022-11-28", "2026-03-10")
DOCS = "https://docs.github.com/rest"
GUEST, APP = "mona", "octo-checks"

Answer = Response | Object | list[Object]


class Refusal(Exception):
    """GitHub says no: a status, a message, and which fields are wrong."""

    def __init__(self, status: int, message: str, *errors: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.body: Object = {"message": message, "documentation_url": DOCS, "status": str(status)}
        if errors:
            self.body["errors"] = [dict(error) for error in errors]


@dataclass
class Books:
    """All that this GitHub knows, oldest first. What belongs to an issue or a commit is under its address."""

    repositories: dict[str, Object] = field(default_factory=dict)
    issues: dict[str, Object] = field(default_factory=dict)
    pulls: dict[str, Object] = field(default_factory=dict)
    check_runs: dict[int, Object] = field(default_factory=dict)
    annotations: dict[int, list[Object]] = field(default_factory=dict)
    statuses: dict[str, list[Object]] = field(default_factory=dict)
    comments: dict[int, Object] = field(default_factory=dict)
    hooks: dict[int, Object] = field(default_factory=dict)
    deliveries: dict[int, Object] = field(default_factory=dict)


class GitHubSandbox(Sandbox):
    """Takes `token`, and what it gives to the App `app_id`, which proves itself by its key."""

    name = "github"
    environment = {"GITHUB_TOKEN": "ghs_sandbox", "GITHUB_WEBHOOK_SECRET": "github_sandbox"}
    ledgers = {"_books": Books, "_given": dict[str, datetime]}

    def __init__(
        self,
        *,
        token: str = "ghs_sandbox",
        webhook_secret: str = "github_sandbox",
        repositories: Iterable[str] = ("octo/shop",),
        app_id: int = 4711,
        app_public_key: str | None = None,
        checks_allowed: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(webhook_secret=webhook_secret, **{"retry_delays": (), **options})
        self.checks_allowed = checks_allowed
        self.remaining = QUOTA
        self.address = objects.API
        """Where its answers say that its objects are."""
        self._reset_at = 0
        self._token = token
        self._app_public_key = app_public_key
        self._app = objects.app(app_id, APP, self.now())
        self._given: dict[str, datetime] = {}
        self._letters: dict[int, Letter] = {}
        self._books = Books()
        for full_name in repositories:
            self._books.repositories[full_name] = objects.repository(full_name, self.now())

    # What the kit asks for.

    def routes(self) -> Sequence[Route]:
        repo = "/repos/{owner}/{repo}"
        hooks = ("/app/hook", f"{repo}/hooks/{{hook:int}}")
        return [
            self._route("GET", "/rate_limit", self._rate_limits),
            self._route("GET", "/app", lambda request: self._app),
            self._route("POST", "/app/installations/{id:int}/access_tokens", self._give_token, 201),
            self._route("GET", repo, self._repository),
            self._route("POST", f"{repo}/check-runs", self._create_run, 201),
            self._route("GET", f"{repo}/check-runs/{{id:int}}", self._run),
            self._route("PATCH", f"{repo}/check-runs/{{id:int}}", self._update_run),
            self._route("POST", f"{repo}/check-runs/{{id:int}}/rerequest", self._rerequest, 201),
            self._route("GET", f"{repo}/check-runs/{{id:int}}/annotations", self._list_annotations),
            self._route("GET", f"{repo}/commits/{{sha}}/check-runs", self._list_runs),
            self._route("GET", f"{repo}/commits/{{sha}}/statuses", self._list_statuses),
            self._route("POST", f"{repo}/statuses/{{sha}}", self._create_status, 201),
            self._route("GET", f"{repo}/issues/{{number:int}}/comments", self._list_comments),
            self._route("POST", f"{repo}/issues/{{number:int}}/comments", self._create_comment, 201),
            self._route("GET", f"{repo}/issues/comments/{{id:int}}", self._comment),
            self._route("PATCH", f"{repo}/issues/comments/{{id:int}}", self._update_comment),
            self._route("POST", f"{repo}/pulls", self._create_pull, 201),
            self._route("GET", f"{repo}/pulls/{{number:int}}", self._pull),
            self._route("GET", f"{repo}/pulls/{{number:int}}/files", self._list_files),
            self._route("POST", f"{repo}/hooks", self._create_hook, 201),
            *(self._route("GET", f"{hook}/deliveries", self._list_deliveries) for hook in hooks),
            *(self._route("GET", f"{hook}/deliveries/{{id:int}}", self._delivery) for hook in hooks),
            *(
                self._route("POST", f"{hook}/deliveries/{{id:int}}/attempts", self._redeliver, 202)
                for hook in hooks
            ),
        ]

    def refusal(self, request: Request) -> Response | None:
        if self._reset_at and self.now().timestamp() >= self._reset_at:
            self.remaining = QUOTA
        self._reset_at = self._reset()
        refused = self._refused(request)
        return None if refused is None else self._answer(refused.status, refused.body)

    def books(self) -> Mapping[str, Any]:
        books = self._books
        return {
            "check_runs": list(books.check_runs.values()),
            "statuses": [status for listed in books.statuses.values() for status in listed],
            "comments": list(books.comments.values()),
            "pulls": list(books.pulls.values()),
            "deliveries": [self._told(delivery) for delivery in books.deliveries.values()],
        }

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {SIGNATURE: sign(self.webhook_secret, body)}

    def throttled(self, retry_after: int) -> Response:
        body = Refusal(
            403, "You have exceeded a secondary rate limit. Please wait before you try again."
        ).body
        return self._answer(403, body, {"retry-after": str(retry_after)})

    def broken(self) -> Response:
        return self._answer(502, Refusal(502, "Server Error").body)

    def unknown(self, request: Request) -> Response:
        return self._answer(404, Refusal(404, "Not Found").body)

    # What a test calls.

    def open_pull_request(
        self,
        repository: str = "octo/shop",
        *,
        title: str = "A change",
        branch: str = "change",
        author: str = GUEST,
    ) -> Object:
        """Somebody opens a pull request, and GitHub tells of it."""
        home = self._books.repositories[repository]
        number = 1 + sum(issue["repository_url"] == home["url"] for issue in self._books.issues.values())
        address, sha = f"{repository}#{number}", objects.sha_of(f"{uuid4()}")
        pull = objects.pull_request(
            home, number, title, author, head=branch, sha=sha, base="main", at=self.now()
        )
        self._books.pulls[address] = pull
        self._books.issues[address] = objects.issue(repository, number, title, author, self.now())
        self._tell("pull_request", "opened", repository, author, number=number, pull_request=pull)
        return pull

    def push_to(self, number: int, repository: str = "octo/shop", *, author: str = GUEST) -> Object:
        """Somebody pushes a commit to the branch of a pull request."""
        home, pull = self._books.repositories[repository], self._books.pulls[f"{repository}#{number}"]
        before, after = pull["head"]["sha"], objects.sha_of(f"{uuid4()}")
        pull |= {"head": {**pull["head"], "sha": after}, "updated_at": timestamp(self.now())}
        pushed = objects.push(home, pull["head"]["ref"], before, after, author, self.now())
        self._tell("push", None, repository, author, **pushed)
        changed = {"number": number, "before": before, "after": after, "pull_request": pull}
        self._tell("pull_request", "synchronize", repository, author, **changed)
        return pull

    def finish_workflow(
        self, sha: str, conclusion: str = "success", repository: str = "octo/shop", *, name: str = "build"
    ) -> Object:
        """A workflow of GitHub Actions ends."""
        home = self._books.repositories[repository]
        flow = objects.workflow(repository, name, self.now())
        run = objects.workflow_run(
            home, flow, _new_id(), branch="change", sha=sha, conclusion=conclusion, actor=GUEST, at=self.now()
        )
        self._tell("workflow_run", "completed", repository, GUEST, workflow=flow, workflow_run=run)
        return run

    def lock(self, number: int, repository: str = "octo/shop") -> None:
        """Nobody may comment any more."""
        self._books.issues[f"{repository}#{number}"]["locked"] = True

    def conclude(self, run: int, conclusion: str) -> None:
        """Somebody else concludes a check run."""
        self._conclude(self._books.check_runs[run], {"conclusion": conclusion})

    # Endpoints.

    def _rate_limits(self, request: Request) -> Object:
        core = {
            "limit": QUOTA,
            "used": QUOTA - self.remaining,
            "remaining": self.remaining,
            "reset": self._reset(),
        }
        quotas = dict.fromkeys(("core", "search", "graphql"), core)
        return {"resources": quotas, "rate": core}

    def _give_token(self, request: Request) -> Object:
        """In the new form: a JSON Web Token after the prefix, and no forty characters."""
        token = f"ghs_{request.path_params['id']}_{secrets.token_urlsafe(120)}"
        self._given[token] = self.now() + HOUR
        return {
            "token": token,
            "expires_at": timestamp(self._given[token]),
            "permissions": self._app["permissions"],
            "repository_selection": "selected",
        }

    def _repository(self, request: Request) -> Object:
        found = self._books.repositories.get(_address(request))
        if found is None:
            raise Refusal(404, "Not Found")
        return found

    async def _create_run(self, request: Request) -> Object:
        home, asked = self._home(request), await _body(request)
        self._require_checks(request)
        sha = _sha(_text(asked, "head_sha", "CheckRun"))
        run = objects.check_run(
            _new_id(), home["full_name"], _text(asked, "name", "CheckRun"), sha, self._app
        )
        self._change(run, asked)
        self._books.check_runs[run["id"]] = run
        self._tell_run("created", run, home["full_name"])
        if run["status"] == "completed":
            self._tell_run("completed", run, home["full_name"])
        return run

    async def _update_run(self, request: Request) -> Object:
        self._require_checks(request)
        run, asked = self._run(request), await _body(request)
        self._conclude(run, asked)
        return run

    def _run(self, request: Request) -> Object:
        self._home(request)
        run = self._books.check_runs.get(request.path_params["id"])
        if run is None or not _is_in(run, _address(request)):
            raise Refusal(404, "Not Found")
        return run

    def _rerequest(self, request: Request) -> Object:
        self._require_checks(request)
        self._tell_run("rerequested", self._run(request), _address(request))
        return {}

    def _list_annotations(self, request: Request) -> Response:
        run = self._run(request)
        return self._page(request, self._books.annotations.get(run["id"], []))

    def _list_runs(self, request: Request) -> Response:
        home, query = self._home(request), request.query_params
        runs = [
            run
            for run in reversed(self._books.check_runs.values())
            if run["head_sha"] == request.path_params["sha"]
            and _is_in(run, home["full_name"])
            and query.get("check_name") in (None, run["name"])
        ]
        if query.get("filter", "latest") == "latest":
            runs = list({run["name"]: run for run in reversed(runs)}.values())
        return self._page(request, runs, "check_runs")

    async def _create_status(self, request: Request) -> Object:
        home, asked = self._home(request), await _body(request)
        sha = _sha(request.path_params["sha"])
        _one_of(State, asked.get("state"), "Status", "state")
        description = asked.get("description")
        if description and len(description) > DESCRIPTION_LIMIT:
            raise _invalid("Status", "description", "description is too long (maximum is 140 characters)")
        status = objects.status(
            _new_id(),
            home["full_name"],
            sha,
            self._speaker(request),
            self.now(),
            state=asked["state"],
            context=asked.get("context", "default"),
            description=description,
            target_url=asked.get("target_url"),
        )
        self._books.statuses.setdefault(f"{home['full_name']}@{sha}", []).append(status)
        return status

    def _list_statuses(self, request: Request) -> Response:
        home = self._home(request)
        listed = self._books.statuses.get(f"{home['full_name']}@{request.path_params['sha']}", [])
        return self._page(request, list(reversed(listed)))

    async def _create_comment(self, request: Request) -> Object:
        issue, asked = self._issue(request), await _body(request)
        if issue["locked"]:
            raise Refusal(403, "Unable to create comment because issue is locked.")
        body, home = _comment_body(asked), _address(request)
        comment = objects.comment(_new_id(), home, issue["number"], body, self._speaker(request), self.now())
        if self._is_app(request):
            comment["performed_via_github_app"] = self._app
        self._books.comments[comment["id"]] = comment
        issue["comments"] += 1
        self._tell("issue_comment", "created", home, comment["user"]["login"], issue=issue, comment=comment)
        return comment

    def _list_comments(self, request: Request) -> Response:
        issue, since = self._issue(request), request.query_params.get("since", "")
        here = f"{objects.API}/repos/{_address(request)}/issues/{issue['number']}"
        found = [
            comment
            for comment in self._books.comments.values()
            if comment["issue_url"] == here and comment["updated_at"] >= since
        ]
        return self._page(request, found)

    def _comment(self, request: Request) -> Object:
        comment = self._books.comments.get(request.path_params["id"])
        if comment is None or f"/repos/{_address(request)}/" not in comment["url"]:
            raise Refusal(404, "Not Found")
        return comment

    async def _update_comment(self, request: Request) -> Object:
        comment, asked = self._comment(request), await _body(request)
        comment |= {"body": _comment_body(asked), "updated_at": timestamp(self.now())}
        return comment

    async def _create_pull(self, request: Request) -> Object:
        home, asked = self._home(request), await _body(request)
        branch, title = _text(asked, "head", "PullRequest"), _text(asked, "title", "PullRequest")
        return self.open_pull_request(
            home["full_name"], title=title, branch=branch, author=self._speaker(request)
        )

    def _pull(self, request: Request) -> Object:
        self._home(request)
        pull = self._books.pulls.get(f"{_address(request)}#{request.path_params['number']}")
        if pull is None:
            raise Refusal(404, "Not Found")
        return pull

    def _list_files(self, request: Request) -> Response:
        sha = self._pull(request)["head"]["sha"]
        return self._page(request, [objects.changed_file(_address(request), "README.md", sha)])

    async def _create_hook(self, request: Request) -> Object:
        """From now on the webhooks go there, under the secret that was given."""
        home, asked = self._home(request), await _body(request)
        config = asked.get("config") or {}
        if not config.get("url"):
            raise _invalid("Hook", "url", "url is missing")
        events = asked.get("events", ["push"])
        hook = objects.hook(_new_id(), home["full_name"], config["url"], events, self.now())
        self._books.hooks[hook["id"]] = hook
        self.send_webhooks_to(config["url"], config.get("secret"))
        ping = {"zen": "Keep it logically awesome.", "hook_id": hook["id"], "hook": hook}
        self._tell("ping", None, home["full_name"], GUEST, **ping)
        return hook

    def _list_deliveries(self, request: Request) -> Response:
        told = [self._told(one) for one in reversed(self._books.deliveries.values()) if self._was_tried(one)]
        listed = [{key: one[key] for key in one if key not in ("url", "request", "response")} for one in told]
        return self._page(request, listed, cursor=True)

    def _delivery(self, request: Request) -> Object:
        delivery = self._books.deliveries.get(request.path_params["id"])
        if delivery is None:
            raise Refusal(404, "Not Found")
        return self._told(delivery)

    def _redeliver(self, request: Request) -> Object:
        first = self._delivery(request)
        again = {**self._books.deliveries[first["id"]], "id": _new_id(), "redelivery": True}
        self._send({**again, "delivered_at": timestamp(self.now())})
        return {}

    # How it works.

    def _route(self, method: str, path: str, work: Callable[[Request], Any], status: int = 200) -> Route:
        async def answer(request: Request) -> Response:
            if path != "/rate_limit":
                self.remaining -= 1
            try:
                done = work(request)
                said: Answer = await done if hasattr(done, "__await__") else done
            except Refusal as refusal:
                return self._answer(refusal.status, refusal.body)
            return said if isinstance(said, Response) else self._answer(status, said)

        return Route(path, answer, methods=[method])

    def _refused(self, request: Request) -> Refusal | None:
        if not request.headers.get("user-agent"):
            return Refusal(403, "Request forbidden by administrative rules. Please send a User-Agent header.")
        version = request.headers.get("x-github-api-version")
        if version not in (None, *VERSIONS):
            return Refusal(400, f'"{version}" is not a supported version of the REST API.')
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token") or not token:
            return Refusal(401, "Requires authentication")
        path = _path(request)
        if path == "/app" or path.startswith("/app/"):
            return None if self._is_proof(token) else Refusal(401, "A JSON web token could not be decoded")
        if not self._is_known(token):
            return Refusal(401, "Bad credentials")
        if self.remaining == 0 and path != "/rate_limit":
            return Refusal(403, "API rate limit exceeded for installation.")
        return None

    def _is_known(self, token: str) -> bool:
        given_until = self._given.get(token)
        return secrets.compare_digest(token, self._token) or (
            given_until is not None and self.now() < given_until
        )

    def _is_proof(self, token: str) -> bool:
        """Whether this is a JSON Web Token of the App: signed with its key, and of ten minutes at most."""
        import jwt

        if self._app_public_key is None:
            return False
        options: Any = {"require": ["exp", "iat", "iss"], "verify_exp": False, "verify_iat": False}
        try:
            said = jwt.decode(token, self._app_public_key, algorithms=["RS256"], options=options)
        except jwt.InvalidTokenError:
            return False
        now = self.now().timestamp()
        issuers = (str(self._app["id"]), self._app["client_id"])
        return said["iss"] in issuers and said["iat"] <= now < said["exp"] <= now + 600

    def _require_checks(self, request: Request) -> None:
        if not self._is_app(request):
            raise Refusal(403, "You must authenticate via a GitHub App.")
        if not self.checks_allowed:
            raise Refusal(403, "Resource not accessible by integration")

    def _is_app(self, request: Request) -> bool:
        return not is_personal(SecretStr(request.headers["authorization"].partition(" ")[2]))

    def _speaker(self, request: Request) -> str:
        return f"{APP}[bot]" if self._is_app(request) else GUEST

    def _home(self, request: Request) -> Object:
        return self._repository(request)

    def _issue(self, request: Request) -> Object:
        self._home(request)
        issue = self._books.issues.get(f"{_address(request)}#{request.path_params['number']}")
        if issue is None:
            raise Refusal(404, "Not Found")
        return issue

    def _conclude(self, run: Object, asked: Object) -> None:
        before = run["status"]
        self._change(run, asked)
        if run["status"] == "completed" and before != "completed":
            full_name = run["url"].removeprefix(f"{objects.API}/repos/").partition("/check-runs/")[0]
            self._tell_run("completed", run, full_name)

    def _change(self, run: Object, asked: Object) -> None:
        """As GitHub reads it: a conclusion completes a run, and a completed run has one."""
        status, conclusion = asked.get("status"), asked.get("conclusion")
        if status is not None:
            _one_of(CheckStatus, status, "CheckRun", "status")
        if conclusion is not None:
            _one_of(Conclusion, conclusion, "CheckRun", "conclusion")
            status = "completed"
        if status == "completed" and conclusion is None and run["conclusion"] is None:
            raise _invalid("CheckRun", "conclusion", "conclusion is missing")
        now, facts = timestamp(self.now()), ("name", "external_id", "details_url")
        self._show(run, asked.get("output"))
        run |= {name: asked[name] for name in facts if name in asked}
        run |= {"status": status or run["status"], "started_at": run["started_at"] or now}
        if run["status"] == "completed":
            run |= {"conclusion": conclusion or run["conclusion"], "completed_at": now}

    def _show(self, run: Object, output: Object | None) -> None:
        if output is None:
            return
        annotations = output.get("annotations") or []
        for name in ("summary", "text"):
            if len(output.get(name) or "") > TEXT_LIMIT:
                raise _invalid("CheckRun", name, f"{name} exceeds a maximum bytesize of {TEXT_LIMIT}")
        if len(annotations) > ANNOTATIONS_AT_ONCE:
            raise _invalid("CheckRun", "annotations", "Only 50 annotations are allowed at a time")
        for annotation in annotations:
            _one_of(AnnotationLevel, annotation.get("annotation_level"), "CheckRun", "annotation_level")
        shown = self._books.annotations.setdefault(run["id"], [])
        shown += [_annotation(annotation) for annotation in annotations]
        said = {name: output.get(name, run["output"][name]) for name in ("title", "summary", "text")}
        run["output"] = {**run["output"], **said, "annotations_count": len(shown)}

    def _tell_run(self, action: str, run: Object, full_name: str) -> None:
        suite = objects.check_suite(run, full_name, "change", self.now())
        self._tell("check_run", action, full_name, f"{APP}[bot]", check_run={**run, "check_suite": suite})

    def _tell(self, kind: str, action: str | None, full_name: str, sender: str, **facts: Any) -> None:
        """Something happened: it is delivered, once, and kept."""
        home = self._books.repositories[full_name]
        about: Object = {"repository": home, "sender": objects.user(sender)}
        payload: Object = ({"action": action} if action else {}) | facts | about
        self._send(
            {
                "id": _new_id(),
                "guid": str(uuid4()),
                "delivered_at": timestamp(self.now()),
                "redelivery": False,
                "duration": 0.03,
                "event": kind,
                "action": action,
                "installation_id": None,
                "repository_id": home["id"],
                "throttled_at": None,
                "payload": json.dumps(payload),
            }
        )

    def _send(self, delivery: Object) -> None:
        self._books.deliveries[delivery["id"]] = delivery
        kind = f"{delivery['event']}.{delivery['action']}" if delivery["action"] else delivery["event"]
        self._letters[delivery["id"]] = self.notify(
            kind, delivery["payload"].encode(), topic=delivery["guid"], headers=_headers(delivery)
        )

    def _was_tried(self, delivery: Object) -> bool:
        letter = self._letters.get(delivery["id"])
        return letter is None or bool(letter.tries) or letter in self.postman.lost

    def _told(self, delivery: Object) -> Object:
        """The delivery as GitHub tells of it. Those of an earlier run are taken for arrived."""
        letter = self._letters.get(delivery["id"])
        last = letter.tries[-1] if letter and letter.tries else 200 if letter is None else 502
        code = last if isinstance(last, int) else 502
        body = {name: delivery[name] for name in delivery if name != "payload"}
        return {
            **body,
            "status": "OK" if code < 300 else f"Invalid HTTP Response: {code}",
            "status_code": code,
            "url": self.postman.url or "",
            "request": {"headers": _headers(delivery), "payload": json.loads(delivery["payload"])},
            "response": {"headers": {}, "payload": ""},
        }

    def _page(
        self, request: Request, found: Sequence[Object], wrapped: str | None = None, *, cursor: bool = False
    ) -> Response:
        query = request.query_params
        size, name = min(int(query.get("per_page", 30)), 100), "cursor" if cursor else "page"
        page = int(query.get(name, "1").removeprefix("v1_"))
        listed = list(found[(page - 1) * size : page * size])
        following = f"v1_{page + 1}" if cursor else str(page + 1)
        there = request.url.include_query_params(**{name: following})
        link = f'<{self.address}{_path(request)}?{there.query}>; rel="next"'
        headers = {"link": link} if len(found) > page * size else {}
        return self._answer(200, {"total_count": len(found), wrapped: listed} if wrapped else listed, headers)

    def _answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
        limits = {
            "x-github-request-id": secrets.token_hex(8).upper(),
            "x-ratelimit-limit": str(QUOTA),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-used": str(QUOTA - self.remaining),
            "x-ratelimit-reset": str(self._reset()),
            "x-ratelimit-resource": "core",
        }
        text = json.dumps(body).replace(objects.API, self.address)
        return Response(text, status, {**limits, **(headers or {})}, "application/json; charset=utf-8")

    def _reset(self) -> int:
        """The end of the hour that runs."""
        now = int(self.now().timestamp())
        return now - now % 3600 + 3600


def _headers(delivery: Object) -> dict[str, str]:
    return {
        "User-Agent": "GitHub-Hookshot/sandbox",
        EVENT: delivery["event"],
        DELIVERY: delivery["guid"],
        "X-GitHub-Hook-ID": "1",
        "X-GitHub-Hook-Installation-Target-ID": str(delivery["repository_id"]),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }


def _annotation(given: Object) -> Object:
    blank = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
    return {**blank, **given, "blob_href": f"{objects.WEB}/blob/{given['path']}"}


def _is_in(run: Object, full_name: str) -> bool:
    return bool(run["url"].startswith(f"{objects.API}/repos/{full_name}/"))


def _path(request: Request) -> str:
    """The path below the place where the double is served."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def _address(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['repo']}"


def _new_id() -> int:
    """Ids differ between runs, because whoever talks to a sandbox may remember the last one."""
    return secrets.randbelow(2**40) + 1


async def _body(request: Request) -> Object:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    return body


def _text(asked: Object, name: str, resource: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(resource, name, f"{name} is missing", "missing_field")
    return value


def _sha(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", text):
        raise Refusal(422, f"No commit found for SHA: {text}")
    return text


def _comment_body(asked: Object) -> str:
    body = _text(asked, "body", "IssueComment")
    if len(body) > COMMENT_LIMIT:
        raise _invalid("IssueComment", "body", "body is too long (maximum is 65536 characters)")
    return body


def _one_of(kind: Any, value: Any, resource: str, name: str) -> None:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise _invalid(resource, name, f"{name} is not included in the list") from None


def _invalid(resource: str, name: str, message: str, code: str = "custom") -> Refusal:
    return Refusal(
        422, "Validation Failed", {"resource": resource, "field": name, "code": code, "message": message}
    )
