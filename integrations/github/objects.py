"""GitHub's objects in full, as its description has them, for the sandbox to keep and to send."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.github.models import timestamp

API, WEB = "https://api.github.com", "https://github.com"
Object = dict[str, Any]


def number_of(name: str) -> int:
    """An id that is always the same for the same name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def node(kind: str, id: int) -> str:
    return f"{kind}_{id}"


def sha_of(text: str) -> str:
    """A commit's hash, for commits that nobody made."""
    return hashlib.sha1(text.encode()).hexdigest()


def user(login: str) -> Object:
    url, kind = f"{API}/users/{login}", "Bot" if login.endswith("[bot]") else "User"
    id = number_of(f"user {login}")
    return {
        "login": login,
        "id": id,
        "node_id": node("U", id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{WEB}/{login}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": kind,
        "site_admin": False,
    }


def app(id: int, slug: str, at: datetime) -> Object:
    return {
        "id": id,
        "slug": slug,
        "client_id": f"Iv1.{id:016x}",
        "node_id": node("A", id),
        "owner": user("octo"),
        "name": slug,
        "description": None,
        "external_url": "https://example.com",
        "html_url": f"{WEB}/apps/{slug}",
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "permissions": {"checks": "write", "issues": "write", "metadata": "read", "statuses": "write"},
        "events": ["check_run", "issue_comment", "pull_request"],
    }


REPOSITORY_URLS: Mapping[str, str] = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
FEATURES = ("has_issues", "has_projects", "has_downloads", "has_wiki", "has_pages", "has_discussions")


def repository(full_name: str, at: datetime) -> Object:
    owner, _, name = full_name.partition("/")
    url, id = f"{API}/repos/{full_name}", number_of(full_name)
    counts = dict.fromkeys(("forks", "forks_count", "watchers", "watchers_count", "stargazers_count"), 0)
    return {
        "id": id,
        "node_id": node("R", id),
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": user(owner),
        "html_url": f"{WEB}/{full_name}",
        "description": None,
        "fork": False,
        "url": url,
        **{field: url + path for field, path in REPOSITORY_URLS.items()},
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "pushed_at": timestamp(at),
        "git_url": f"git://github.com/{full_name}.git",
        "ssh_url": f"git@github.com:{full_name}.git",
        "clone_url": f"{WEB}/{full_name}.git",
        "svn_url": f"{WEB}/{full_name}",
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "size": 1,
        **counts,
        "open_issues": 0,
        "open_issues_count": 0,
        **dict.fromkeys(FEATURES, True),
        "archived": False,
        "disabled": False,
        "default_branch": "main",
        "topics": [],
        "visibility": "public",
        "is_template": False,
        "web_commit_signoff_required": False,
    }


def check_run(id: int, full_name: str, name: str, sha: str, maker: Object | None) -> Object:
    return {
        "id": id,
        "name": name,
        "node_id": node("CR", id),
        "head_sha": sha,
        "external_id": "",
        "url": f"{API}/repos/{full_name}/check-runs/{id}",
        "html_url": f"{WEB}/{full_name}/runs/{id}",
        "details_url": maker["external_url"] if maker else "",
        "status": "queued",
        "conclusion": None,
        "started_at": None,
        "completed_at": None,
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{API}/repos/{full_name}/check-runs/{id}/annotations",
        },
        "check_suite": {"id": number_of(f"{full_name} {sha}")},
        "app": maker,
        "pull_requests": [],
    }


def check_suite(run: Object, full_name: str, branch: str | None, at: datetime) -> Object:
    """The suite of a run, as a webhook has it."""
    id = run["check_suite"]["id"]
    return {
        "id": id,
        "node_id": node("CS", id),
        "head_branch": branch,
        "head_sha": run["head_sha"],
        "status": run["status"],
        "conclusion": run["conclusion"],
        "url": f"{API}/repos/{full_name}/check-suites/{id}",
        "before": None,
        "after": run["head_sha"],
        "pull_requests": [],
        "app": run["app"],
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
    }


def status(id: int, full_name: str, sha: str, maker: str, at: datetime, **said: Any) -> Object:
    return {
        "id": id,
        "node_id": node("SC", id),
        "url": f"{API}/repos/{full_name}/statuses/{sha}",
        "avatar_url": user(maker)["avatar_url"],
        "creator": user(maker),
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        **said,
    }


def comment(id: int, full_name: str, number: int, body: str, author: str, at: datetime) -> Object:
    url = f"{API}/repos/{full_name}/issues"
    return {
        "id": id,
        "node_id": node("IC", id),
        "url": f"{url}/comments/{id}",
        "html_url": f"{WEB}/{full_name}/issues/{number}#issuecomment-{id}",
        "issue_url": f"{url}/{number}",
        "user": user(author),
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "author_association": "MEMBER",
        "body": body,
        "performed_via_github_app": None,
        "reactions": _reactions(f"{url}/comments/{id}"),
    }


def issue(full_name: str, number: int, title: str, author: str, at: datetime) -> Object:
    url, id = f"{API}/repos/{full_name}/issues/{number}", number_of(f"{full_name}#{number}")
    return {
        "id": id,
        "node_id": node("I", id),
        "url": url,
        "repository_url": f"{API}/repos/{full_name}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{WEB}/{full_name}/issues/{number}",
        "number": number,
        "title": title,
        "user": user(author),
        "labels": [],
        "state": "open",
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": 0,
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "closed_at": None,
        "author_association": "MEMBER",
        "active_lock_reason": None,
        "body": None,
        "reactions": _reactions(url),
    }


def pull_request(
    home: Object, number: int, title: str, author: str, *, head: str, sha: str, base: str, at: datetime
) -> Object:
    full_name = home["full_name"]
    url, issues = f"{API}/repos/{full_name}/pulls/{number}", f"{API}/repos/{full_name}/issues/{number}"
    web, id = f"{WEB}/{full_name}/pull/{number}", number_of(f"{full_name} pull {number}")
    urls = {
        "url": url,
        "html_url": web,
        "issue_url": issues,
        "comments_url": f"{issues}/comments",
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{API}/repos/{full_name}/pulls/comments{{/number}}",
        "statuses_url": f"{API}/repos/{full_name}/statuses/{sha}",
    }
    links = {"self": url, "html": web, "issue": issues} | {
        name: urls[f"{name}_url"]
        for name in ("comments", "commits", "review_comments", "review_comment", "statuses")
    }
    return {
        "id": id,
        "node_id": node("PR", id),
        **urls,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "number": number,
        "state": "open",
        "locked": False,
        "title": title,
        "user": user(author),
        "body": None,
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "closed_at": None,
        "merged_at": None,
        "merge_commit_sha": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": None,
        "draft": False,
        "head": _branch(home, head, sha),
        "base": _branch(home, base, sha_of(f"{full_name} {base}")),
        "_links": {name: {"href": link} for name, link in links.items()},
        "author_association": "MEMBER",
        "auto_merge": None,
        "active_lock_reason": None,
        "merged": False,
        "mergeable": True,
        "rebaseable": True,
        "mergeable_state": "clean",
        "merged_by": None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": 1,
        "additions": 3,
        "deletions": 1,
        "changed_files": 1,
    }


def changed_file(full_name: str, filename: str, sha: str) -> Object:
    return {
        "sha": sha_of(filename),
        "filename": filename,
        "status": "modified",
        "additions": 3,
        "deletions": 1,
        "changes": 4,
        "blob_url": f"{WEB}/{full_name}/blob/{sha}/{filename}",
        "raw_url": f"{WEB}/{full_name}/raw/{sha}/{filename}",
        "contents_url": f"{API}/repos/{full_name}/contents/{filename}?ref={sha}",
    }


def push(home: Object, branch: str, before: str, after: str, pusher: str, at: datetime) -> Object:
    person = {"name": pusher, "email": f"{pusher}@example.org"}
    commit = {
        "id": after,
        "tree_id": sha_of(f"tree {after}"),
        "distinct": True,
        "message": "A change",
        "timestamp": timestamp(at),
        "url": f"{WEB}/{home['full_name']}/commit/{after}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"{WEB}/{home['full_name']}/compare/{before[:12]}...{after[:12]}",
        "commits": [commit],
        "head_commit": commit,
        "pusher": person,
    }


def workflow(full_name: str, name: str, at: datetime) -> Object:
    id = number_of(f"{full_name} {name}")
    return {
        "id": id,
        "node_id": node("W", id),
        "name": name,
        "path": f".github/workflows/{name}.yml",
        "state": "active",
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "url": f"{API}/repos/{full_name}/actions/workflows/{id}",
        "html_url": f"{WEB}/{full_name}/blob/main/.github/workflows/{name}.yml",
        "badge_url": f"{WEB}/{full_name}/workflows/{name}/badge.svg",
    }


def workflow_run(
    home: Object, flow: Object, id: int, *, branch: str, sha: str, conclusion: str, actor: str, at: datetime
) -> Object:
    url, suite = f"{home['url']}/actions/runs/{id}", number_of(f"{home['full_name']} {sha}")
    person = {"name": actor, "email": f"{actor}@example.org"}
    return {
        "id": id,
        "node_id": node("WR", id),
        "name": flow["name"],
        "path": flow["path"],
        "head_branch": branch,
        "head_sha": sha,
        "head_commit": {
            "id": sha,
            "tree_id": sha_of(f"tree {sha}"),
            "message": "A change",
            "timestamp": timestamp(at),
            "author": person,
            "committer": person,
        },
        "run_number": 1,
        "run_attempt": 1,
        "run_started_at": timestamp(at),
        "event": "push",
        "display_title": "A change",
        "status": "completed",
        "conclusion": conclusion,
        "workflow_id": flow["id"],
        "check_suite_id": suite,
        "check_suite_node_id": node("CS", suite),
        "pull_requests": [],
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "actor": user(actor),
        "triggering_actor": user(actor),
        "url": url,
        "html_url": f"{WEB}/{home['full_name']}/actions/runs/{id}",
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "check_suite_url": f"{home['url']}/check-suites/{suite}",
        "workflow_url": flow["url"],
        "previous_attempt_url": None,
        "repository": home,
        "head_repository": home,
    }


def hook(id: int, full_name: str, url: str, events: Sequence[str], at: datetime) -> Object:
    here = f"{API}/repos/{full_name}/hooks/{id}"
    return {
        "type": "Repository",
        "id": id,
        "name": "web",
        "active": True,
        "events": list(events),
        "config": {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
        "created_at": timestamp(at),
        "updated_at": timestamp(at),
        "url": here,
        "test_url": f"{here}/test",
        "ping_url": f"{here}/pings",
        "deliveries_url": f"{here}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def _branch(home: Object, name: str, sha: str) -> Object:
    owner = home["owner"]
    return {"label": f"{owner['login']}:{name}", "ref": name, "sha": sha, "user": owner, "repo": home}


def _reactions(url: str) -> Object:
    kinds = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
    return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(kinds, 0)}
