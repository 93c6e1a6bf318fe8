"""A Hub on loopback: the routes, headers and error codes that clients of the real one meet.

Two origins, as in the real world: the Hub, and a content server (CDN) that large files are
redirected to. It remembers every request, and misbehaves when told to. Clients give it as
their endpoint::

    with FakeHub() as hub:
        hub.add("owner/model-GGUF", {"model-Q4_K_M.gguf": virtual(1 << 30), "config.json": b"{}"})
        hub.cut(r"\\.gguf", after_bytes=1000)
        ...  # HF_ENDPOINT=hub.endpoint
        assert hub.leaked == []

The routes and headers are those that huggingface_hub 2.4 and llama.cpp (October 2026) use; its
own client drives this server in `test_fake_hub.py`, so that the fake stays honest.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.hub.fake_files import Repository, stored, whole

TOKEN = "hf_" + "t" * 34
"""The one token that opens private and gated repositories."""

BLOCK_BYTES = 16 << 10
"""Written at once, and what the system may hold back unsent: what a closed reader left unread
is then little beyond what was wanted."""

HUB, CDN = "hub", "cdn"
GATED = "Access to model {} is restricted. You must have access to it and be authenticated."


@dataclass
class Request:
    """One request, and what was answered."""

    origin: str
    method: str
    path: str
    """With its query, as it came."""

    headers: dict
    """By name in small letters."""

    status: int | None = None
    bytes_sent: int = 0
    """Of the body, given to the connection; counted before, so that a reader finds it counted."""


@dataclass
class Fault:
    """Something that goes wrong for the next requests whose path matches."""

    pattern: str
    origin: str | None
    times: int
    status: int | None = None
    headers: dict = field(default_factory=dict)
    body: bytes = b'{"error": "injected"}'
    cut_after_bytes: int | None = None
    pause_s: float = 0.0

    def concerns(self, request):
        return (
            self.times > 0
            and self.origin in {None, request.origin}
            and re.search(self.pattern, request.path) is not None
        )


class Server(ThreadingHTTPServer):
    """A server that lets go of its connections when it is closed."""

    daemon_threads = True

    def __init__(self, hub, origin):
        self.hub, self.origin = hub, origin
        self.connections = set()
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BLOCK_BYTES)
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):  # a client that hangs up is no fault of ours
            self.hub.broken.append(problem)

    def end(self):
        self.shutdown()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class FakeHub:
    """The two servers, what they serve, and what they were asked."""

    def __init__(self):
        self.repositories = {}
        self.renamed = {}
        self.requests = []
        self.faults = []
        self.broken = []
        self.page_entries = 1000
        self.prefix = ""
        """Of every path, as of a mirror that is not at the root of its server."""
        self.ignores_ranges = False
        self.names_itself = None
        """What the addresses of further pages begin with; its own endpoint unless given."""
        self.lock = threading.Lock()
        self._servers = {origin: Server(self, origin) for origin in (HUB, CDN)}
        self.endpoint = self._address(HUB)
        self.cdn = self._address(CDN)

    def _address(self, origin):
        return f"http://127.0.0.1:{self._servers[origin].server_port}"

    def __enter__(self):
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self._servers.values():
            server.end()
        assert self.broken == []

    def add(self, name, files, *, is_gated=False, is_private=False, branch="main"):
        """A repository with these files, or its next commit; returns the commit's hash.

        A file is bytes, a `Content` (see `virtual`) or a `StoredFile` (see `stored`). Names that
        end in `.gguf` are large files unless a `StoredFile` says otherwise.
        """
        repository = self.repositories.setdefault(name, Repository(name))
        repository.is_gated, repository.is_private = is_gated, is_private
        return repository.push(files, branch)

    def rename(self, old, new):
        """The repository has another name from now on; the old one answers with a redirect."""
        self.repositories[new] = self.repositories.pop(old)
        self.repositories[new].name = new
        self.renamed[old] = new

    def corrupt(self, name, path, branch="main"):
        """Serve wrong bytes, of the right length, for a file."""
        repository = self.repositories[name]
        files = repository.commits[repository.branches[branch]]
        file = files[path]
        first = bytes([file.content.read(0, 1)[0] ^ 1]) + file.content.head[1:]
        wrong = whole(first) if not file.size_bytes else type(file.content)(first, file.size_bytes)
        files[path] = stored(wrong, sha256=file.sha256, is_large=file.is_large)

    def fail(self, pattern, status, *, times=1, origin=None, headers=None, body=None):
        """Answer the next requests for matching paths (query included) with this status."""
        fault = Fault(pattern, origin, times, status=status, headers=headers or {})
        fault.body = fault.body if body is None else body
        self.faults.append(fault)

    def limit(self, pattern, wait_s, *, times=1):
        """Answer that there were too many requests, and for how long to wait."""
        said = {"RateLimit": f'"api";r=0;t={wait_s}', "Retry-After": str(wait_s)}
        said["RateLimit-Policy"] = '"fixed window";"api";q=500;w=300'
        self.fail(pattern, 429, times=times, headers=said)

    def cut(self, pattern, after_bytes, *, times=1, origin=None):
        """Close the connection after so many bytes of a body."""
        self.faults.append(Fault(pattern, origin, times, cut_after_bytes=after_bytes))

    def slow(self, pattern, pause_s, *, times=1 << 30, origin=None):
        """Pause before every block of 16 KiB of a body."""
        self.faults.append(Fault(pattern, origin, times, pause_s=pause_s))

    def asked(self, pattern="", *, method=None, origin=None):
        """The requests whose paths match."""
        return [
            request
            for request in list(self.requests)
            if re.search(pattern, request.path)
            and method in {None, request.method}
            and origin in {None, request.origin}
        ]

    @property
    def leaked(self):
        """Requests that carried a token to where no token belongs."""
        return [one for one in self.asked(origin=CDN) if "authorization" in one.headers]

    def take_fault(self, request):
        """The fault that this request meets, used up by one."""
        with self.lock:
            for fault in self.faults:
                if fault.concerns(request):
                    fault.times -= 1
                    return fault
        return None


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Nothing is printed."""

    def do_GET(self):
        self.handle_any()

    def do_HEAD(self):
        self.handle_any()

    def do_POST(self):
        self.handle_any()

    @property
    def hub(self):
        return self.server.hub

    def handle_any(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Request(self.server.origin, self.command, self.path, headers)
        self.hub.requests.append(self.asked)
        self.sent_body = self.rfile.read(int(headers.get("content-length") or 0))
        address = urlsplit(self.path)
        self.route, self.query = address.path.removeprefix(self.hub.prefix), parse_qs(address.query)
        self.fault = self.hub.take_fault(self.asked)
        if self.fault is not None and self.fault.status is not None:
            self.say(self.fault.status, self.fault.body, self.fault.headers)
        elif self.server.origin == CDN:
            self.answer_blob()
        else:
            self.answer_hub()

    # The routes of the Hub

    def answer_hub(self):
        for pattern, answer in ROUTES:
            if found := re.fullmatch(pattern, self.route):
                answer(self, **{key: unquote(part) for key, part in found.groupdict("").items()})
                return
        self.refuse(404, "", f"no route {self.route}")

    def answer_login(self):
        if self.has_token:
            self.say(200, {"type": "user", "name": "tester", "auth": {"accessToken": {}}})
        else:
            self.refuse(401, "", "Invalid credentials in Authorization header")

    def answer_agents(self):
        self.say(200, {"standardEnvVars": [], "harnesses": {}})

    def answer_search(self):
        wanted = self.first("search", "").lower()
        found = [one for name, one in self.hub.repositories.items() if wanted in name.lower()]
        told = [one.info(one.branches["main"], with_sizes=False) for one in found]
        self.say(200, told[: int(self.first("limit", "1000"))])

    def answer_info(self, name, revision=""):
        found = self.find(name, revision or "main")
        if found is not None:
            repository, commit = found
            told = repository.info(commit, with_sizes="blobs" in self.query)
            if asked := self.query.get("expand"):
                told = {key: told[key] for key in told if key in {"_id", "id", *asked}}
            self.say(200, told)

    def answer_refs(self, name):
        found = self.find(name, "main")
        if found is not None:
            branches = [
                {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": commit}
                for branch, commit in found[0].branches.items()
            ]
            self.say(200, {"branches": branches, "tags": [], "converts": []})

    def answer_tree(self, name, revision, folder):
        found = self.find(name, revision)
        if found is None:
            return
        is_recursive = self.first("recursive", "false").lower() in {"true", "1"}
        entries = found[0].entries(found[1], folder, is_recursive=is_recursive)
        if entries is None:
            self.refuse(404, "EntryNotFound", f"{folder} does not exist on {revision}")
            return
        begin = int(self.first("cursor", "0"))
        end = begin + self.hub.page_entries
        headers = {}
        if end < len(entries):
            rest = "&".join(f"{key}={one[0]}" for key, one in self.query.items() if key != "cursor")
            itself = self.hub.names_itself or self.hub.endpoint
            path = f"{itself}{self.route}?{rest}&cursor={end}"
            headers["Link"] = f'<{path}>; rel="next"'
        self.say(200, entries[begin:end], headers)

    def answer_paths_info(self, name, revision):
        found = self.find(name, revision)
        if found is None:
            return
        if self.asked.headers.get("content-type", "").startswith("application/json"):
            wanted = json.loads(self.sent_body)["paths"]
        else:
            wanted = parse_qs(self.sent_body.decode()).get("paths", [])
        entries = found[0].entries(found[1], "", is_recursive=True)
        self.say(200, [entry for entry in entries if entry["path"] in wanted])

    def answer_resolve(self, name, revision, path):
        found = self.find(name, revision)
        if found is None:
            return
        repository, commit = found
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if repository.is_gated and not self.has_token:
            status = 403 if "authorization" in self.asked.headers else 401
            self.refuse(status, "GatedRepo", GATED.format(name))
            return
        file = repository.commits[commit].get(path)
        if file is None:
            self.refuse(404, "EntryNotFound", "Entry not found", headers)
            return
        headers["ETag"] = file.etag
        if not file.is_large:
            self.say_content(file.content, headers)
            return
        headers |= {"X-Linked-Etag": file.etag, "X-Linked-Size": str(file.size_bytes)}
        headers["Location"] = f"{self.hub.cdn}/{quote(f'{name}/{commit}/{path}')}?signature=1"
        self.say(302, b"Found. Redirecting", headers, "text/plain")

    def find(self, name, revision):
        """The repository and the commit, or ``None`` once the client was told what is wrong."""
        if name in self.hub.renamed:
            new = self.path.replace(name, self.hub.renamed[name], 1)
            self.say(307, b"Temporary Redirect", {"Location": new}, "text/plain")
            return None
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.is_private and not self.has_token):
            self.refuse(401, "RepoNotFound", "Repository not found")
            return None
        commit = repository.commit(revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repository, commit

    # The content server

    def answer_blob(self):
        found = re.fullmatch(r"/(?P<name>[^/]+/[^/]+)/(?P<commit>\w{40})/(?P<path>.+)", self.route)
        repository = found and self.hub.repositories.get(found["name"])
        file = repository and repository.commits[found["commit"]].get(unquote(found["path"]))
        if not file:
            self.say(404, b"gone", {}, "text/plain")
            return
        self.say_content(file.content, {"ETag": file.etag, "Accept-Ranges": "bytes"})

    # Answers

    @property
    def has_token(self):
        return self.asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def first(self, name, otherwise):
        return self.query.get(name, [otherwise])[0]

    def refuse(self, status, code, message, headers=None):
        said = {"X-Error-Code": code, "X-Error-Message": message} | (headers or {})
        self.say(status, {"error": message}, {name: value for name, value in said.items() if value})

    def say(self, status, body, headers=None, content_type="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type} | (headers or {})
        self.say_bytes(status, headers, whole(data), 0, len(data))

    def say_content(self, content, headers):
        """A file, or the range of it that was asked for."""
        size = content.size_bytes
        headers = {"Content-Type": "application/octet-stream"} | headers
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.asked.headers.get("range", ""))
        if asked is None or self.hub.ignores_ranges:
            self.say_bytes(200, headers, content, 0, size)
            return
        if asked[1]:
            begin, end = int(asked[1]), min(int(asked[2] or size) + 1, size)
        else:
            begin, end = max(0, size - int(asked[2])), size
        if begin >= size:
            self.say(416, b"", headers | {"Content-Range": f"bytes */{size}"})
            return
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        self.say_bytes(206, headers, content, begin, end)

    def say_bytes(self, status, headers, content, begin, end):
        self.asked.status = status
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(end - begin)}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = end
        if self.fault is not None and self.fault.cut_after_bytes is not None:
            stop = min(end, begin + self.fault.cut_after_bytes)
        for place in range(begin, stop, BLOCK_BYTES):
            if self.fault is not None and self.fault.pause_s:
                time.sleep(self.fault.pause_s)
            block = content.read(place, min(place + BLOCK_BYTES, stop))
            self.asked.bytes_sent += len(block)
            self.wfile.write(block)
        if stop < end:
            self.close_connection = True


NAME = r"(?P<name>[^/]+/[^/]+)"
ROUTES = (
    (r"/api/whoami-v2", Handler.answer_login),
    (r"/api/agent-harnesses", Handler.answer_agents),
    (r"/api/models", Handler.answer_search),
    (rf"/api/models/{NAME}", Handler.answer_info),
    (rf"/api/models/{NAME}/revision/(?P<revision>.+)", Handler.answer_info),
    (rf"/api/models/{NAME}/refs", Handler.answer_refs),
    (rf"/api/models/{NAME}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", Handler.answer_tree),
    (rf"/api/models/{NAME}/paths-info/(?P<revision>[^/]+)", Handler.answer_paths_info),
    (rf"/{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", Handler.answer_resolve),
)
