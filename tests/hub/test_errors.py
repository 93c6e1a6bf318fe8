"""Every way in which the Hub fails is one sentence, with what to do next."""

from __future__ import annotations

import ssl
import sys

import pytest
from huggingface_hub import get_session

from advisor.errors import ExitCode, translate
from catalog.hub import errors, transport
from catalog.hub.access import own_access
from catalog.hub.files import read_range
from catalog.hub.refusals import Subject, wait_of
from tests.hub.fake_files import stored, virtual
from tests.hub.fake_hub import CDN, TOKEN

NAME = "owner/model-GGUF"
FILE = "model-Q8_0.gguf"


@pytest.fixture
def hub(fake_hub):
    fake_hub.add(NAME, {FILE: stored(virtual(50_000, b"GGUF"), sha256="1" * 64)})
    return fake_hub


def failure(ask):
    """The error that something raises, once it is sure that it reads as ours do."""
    with pytest.raises(errors.HubError) as caught:
        ask()
    error = caught.value
    assert not str(error).endswith(".")
    assert "\n" not in str(error)
    assert error.hint
    code = ExitCode.NO_NETWORK if isinstance(error, errors.UnreachableError) else 2
    assert translate(error).exit_code == code
    return error


def stretch(asked, listing, begin, end):
    return read_range(asked.transport, listing, listing.file(FILE), begin, end)


def first_bytes(asked):
    """Read a little of the file, of a listing that is there."""
    return stretch(asked, asked.listing(NAME), 0, 1_000)


# Nobody there


def test_no_network_says_so(fake_hub, client):
    fake_hub.__exit__()
    error = failure(lambda: client().listing(NAME))
    assert isinstance(error, errors.NoNetworkError)
    assert str(error) == (
        f"no network: `{fake_hub.endpoint}` cannot be reached (Connection refused)"
    )
    assert "HF_ENDPOINT" in error.hint


def test_no_network_is_told_at_once(fake_hub, client, clock):
    fake_hub.__exit__()
    failure(lambda: client().listing(NAME))
    assert clock.waits == []


@pytest.mark.parametrize("refusal", ["nobody", "trouble", "limit"])
def test_an_endpoint_that_is_away_is_asked_once_a_minute(hub, client, clock, refusal):
    if refusal == "nobody":
        hub.__exit__()
    elif refusal == "trouble":
        hub.fail("/api/", 503, times=99)
    else:
        hub.limit("/api/", 120, times=99)
    asked = client()
    first = failure(lambda: asked.listing(NAME))
    tries = asked.usage.requests
    for name in (NAME, "owner/another"):
        assert failure(lambda name=name: asked.listing(name)) is first
    assert asked.usage.requests == tries
    clock.now += 60
    failure(lambda: asked.listing(NAME))
    assert asked.usage.requests == 2 * tries


def test_an_endpoint_that_is_away_serves_what_is_kept(hub, client, clock):
    client().listing(NAME)
    clock.now += 7_200
    hub.limit("/api/", 120, times=99)
    asked = client()
    failure(lambda: asked.listing("owner/another"))
    (note,) = asked.listing(NAME).notes
    assert "the listing of `owner/model-GGUF` is of" in note
    assert asked.usage.requests == 1


def test_an_endpoint_that_is_away_is_asked_for_files_all_the_same(hub, client):
    asked = client()
    listing = asked.listing(NAME)
    hub.limit("/api/", 120)
    failure(lambda: asked.listing("owner/another"))
    assert len(stretch(asked, listing, 0, 10)) == 10


def test_an_endpoint_that_is_no_address_is_no_network(client):
    error = failure(lambda: client(endpoint="huggingface.co").listing(NAME))
    assert str(error).startswith("no network: `huggingface.co` cannot be reached (")


def test_a_silent_endpoint_is_no_network(hub, client, monkeypatch):
    monkeypatch.setattr(transport, "TIMEOUTS_S", (0.05, 0.05, 0.05, 0.05))
    hub.slow("/api/", 0.15)
    error = failure(lambda: client().listing(NAME))
    assert isinstance(error, errors.NoNetworkError)
    assert "it takes too long to answer" in str(error)


def test_offline_mode_is_its_own_sentence(hub, client):
    error = failure(lambda: client(is_offline=True).listing(NAME))
    assert str(error) == (
        "the listing of `owner/model-GGUF` is not kept here, and offline mode is set, which "
        "forbids to ask for it"
    )
    assert "HF_HUB_OFFLINE" in error.hint
    listing = client().listing(NAME)
    away = client(is_offline=True)
    error = failure(lambda: away.remote_file(listing, listing.quant("Q8_0")))
    assert str(error).startswith("`owner/model-GGUF/model-Q8_0.gguf` is not kept here, and")
    assert len(hub.requests) == 2


def test_offline_mode_of_huggingface_hub_itself_is_obeyed(hub, client, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert own_access().is_offline
    assert isinstance(failure(lambda: client().listing(NAME)), errors.OfflineError)
    assert hub.requests == []


def test_an_endpoint_without_encryption_is_no_trusted_connection(hub, client):
    endpoint = hub.endpoint.replace("http:", "https:")
    error = failure(lambda: client(endpoint=endpoint).listing(NAME))
    assert isinstance(error, errors.TlsError)
    assert str(error).startswith(f"no trusted connection to `{endpoint}` is possible (")


def test_a_certificate_nobody_trusts_is_told_in_the_system_s_words(client, monkeypatch):
    session = get_session()
    library = sys.modules[type(session).__module__]  # httpx2, or httpx of an older huggingface_hub
    untrusted = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    untrusted.verify_message = "self-signed certificate"

    def refuse(*_, **__):
        raise library.ConnectError("certificate verify failed") from untrusted

    monkeypatch.setattr(type(session), "send", refuse)
    error = failure(lambda: client(endpoint="https://hub.example").listing(NAME))
    assert isinstance(error, errors.TlsError)
    assert str(error) == (
        "no trusted connection to `https://hub.example` is possible (self-signed certificate)"
    )


# Somebody else there


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>", b"  <html>"])
def test_a_login_page_instead_of_the_hub_is_one_sentence(hub, client, body):
    hub.fail("/api/", 200, body=body, headers={"Content-Type": "text/html"})
    error = failure(lambda: client().listing(NAME))
    assert str(error) == f"`{hub.endpoint}` does not answer as a Hub: a web page came back"
    assert "sign in" in error.hint


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/revision/", b"{}", "it names no commit"),
        ("/revision/", b'{"sha": "main"}', "it names no commit"),
        ("/revision/", b"[" * 100_000, "something that is no JSON came back"),
        ("/revision/", b"\xff", "something that is no JSON came back"),
        ("/tree/", b"{}", "its listing is no list"),
        ("/tree/", b"[1]", "its listing has a line without a possible path"),
        *(
            (
                "/tree/",
                b'[{"type": "file", "size": 1, "path": "%s"}]' % path,
                "its listing has a line without a possible path",
            )
            for path in (b"../a.gguf", b"/a.gguf", b"a//b.gguf", b"..\\\\a.gguf", b"a\\n.gguf")
        ),
        ("/tree/", b'[{"type": "file", "path": "a.gguf"}]', "its listing has no size of `a.gguf`"),
        (
            "/tree/",
            b'[{"type": "file", "path": "a.gguf", "size": -1}]',
            "its listing has no size of `a.gguf`",
        ),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(hub, client, path, body, what):
    hub.fail(path, 200, body=body)
    error = failure(lambda: client().listing(NAME))
    assert str(error) == f"`{hub.endpoint}` does not answer as a Hub: {what}"


def test_an_answer_without_end_is_given_up(hub, client, monkeypatch):
    monkeypatch.setattr("catalog.hub.repository.LARGEST_ANSWER_BYTES", 10_000)
    hub.fail("/api/", 200, body=b" " * 5_000_000)
    asked = client()
    assert "its answer does not end" in str(failure(lambda: asked.listing(NAME)))
    assert asked.usage.bytes_received < 200_000


def test_a_listing_that_goes_on_for_ever_is_given_up(hub, client, monkeypatch):
    monkeypatch.setattr("catalog.hub.repository.MOST_PAGES", 3)
    link = f'<{hub.endpoint}/api/models/{NAME}/tree/x>; rel="next"'
    hub.fail("/tree/", 200, times=9, body=b"[]", headers={"Link": link})
    assert "more than 3 pages" in str(failure(lambda: client().listing(NAME)))


@pytest.mark.parametrize("status", [204, 304, 402, 407, 418, 511])
def test_a_status_that_no_hub_has_is_one_sentence(hub, client, status):
    hub.fail("/api/", status, body=b"")
    error = failure(lambda: client().listing(NAME))
    assert str(error).endswith(f"does not answer as a Hub: it refuses with status {status}")


def test_a_login_page_instead_of_a_file_is_one_sentence(hub, client):
    hub.fail(FILE, 200, origin=CDN, body=b"<html>", headers={"Content-Type": "text/html"})
    assert "a web page came back" in str(failure(lambda: first_bytes(client())))


def test_a_file_of_another_length_than_listed_is_not_read(hub, client):
    asked = client()
    listing = asked.listing(NAME)
    files = hub.repositories[NAME].commits[listing.commit]
    files[FILE] = stored(virtual(40_000, b"GGUF"), sha256="1" * 64)
    error = failure(lambda: stretch(asked, listing, 0, 1_000))
    assert str(error).endswith(
        "it has 40,000 bytes of `model-Q8_0.gguf`, where its listing says 50,000"
    )


def test_other_bytes_than_those_asked_for_are_not_read(hub, client):
    said = {"Content-Range": "bytes 5-1004/50000"}
    hub.fail(FILE, 206, origin=CDN, body=b"x" * 1_000, headers=said)
    assert "other bytes came back" in str(failure(lambda: first_bytes(client())))


def test_a_server_that_ignores_ranges_is_told_apart(hub, client):
    hub.ignores_ranges = True
    asked = client()
    listing = asked.listing(NAME)
    assert len(stretch(asked, listing, 0, 1_000)) == 1_000
    error = failure(lambda: stretch(asked, listing, 10, 1_000))
    assert "it does not serve parts of files" in str(error)


# What the Hub refuses


def test_a_missing_repository_is_one_sentence(hub, client):
    error = failure(lambda: client().listing("owner/nowhere"))
    assert isinstance(error, errors.MissingRepositoryError)
    assert str(error) == "`owner/nowhere` is not a repository on the Hub, or a private one"
    assert "needs a token (`hf auth login` or `HF_TOKEN`)" in error.hint


def test_a_private_repository_needs_the_right_token(hub, client):
    hub.repositories[NAME].is_private = True
    error = failure(lambda: client(token="hf_" + "w" * 34).listing(NAME))
    assert "must be shared with the owner of the token" in error.hint
    assert client(token=True).listing(NAME).repository == NAME


def test_a_gated_repository_is_listed_and_its_files_are_not_read(hub, client):
    hub.repositories[NAME].is_gated = True
    error = failure(lambda: first_bytes(client()))
    assert isinstance(error, errors.GatedError)
    assert str(error) == (
        "the files of `owner/model-GGUF` are gated: its licence must be accepted first"
    )
    assert f"accept it on {hub.endpoint}/{NAME} and log in with `hf auth login`" in error.hint
    error = failure(lambda: first_bytes(client(token="hf_" + "w" * 34)))
    assert "log in" not in error.hint
    assert first_bytes(client(token=True))[:4] == b"GGUF"


def test_a_token_that_is_none_is_one_sentence(hub, client):
    said = {"X-Error-Message": "Invalid credentials in Authorization header"}
    hub.fail("/api/", 401, headers=said)
    error = failure(lambda: client(token="hf_old").listing(NAME))
    assert str(error) == f"`{hub.endpoint}` does not accept the token it was given"
    assert "hf_old" not in str(error) + error.hint


def test_a_disabled_repository_is_one_sentence(hub, client):
    hub.fail("/api/", 403, headers={"X-Error-Message": "Access to this resource is disabled."})
    error = failure(lambda: client().listing(NAME))
    assert str(error) == "`owner/model-GGUF` was disabled by the Hub"


def test_a_missing_revision_is_one_sentence(hub, client):
    error = failure(lambda: client().listing(NAME, "v9"))
    assert isinstance(error, errors.MissingRevisionError)
    assert str(error) == "`owner/model-GGUF` has no revision `v9`"


def test_a_file_that_is_gone_is_one_sentence(hub, client):
    asked = client()
    listing = asked.listing(NAME)
    del hub.repositories[NAME].commits[listing.commit][FILE]
    error = failure(lambda: asked.remote_file(listing, listing.quant("Q8_0")))
    assert str(error) == "`owner/model-GGUF` has no `model-Q8_0.gguf`"


# Too much, too often


def test_a_short_rate_limit_is_sat_out(hub, client, clock):
    hub.limit("/api/", 3)
    asked = client()
    assert asked.listing(NAME).repository == NAME
    assert clock.waits == [4]  # the header counts whole seconds
    assert asked.usage.requests == 3


def test_a_long_rate_limit_is_told_with_its_wait(hub, client, clock):
    hub.limit("/api/", 120)
    error = failure(lambda: client().listing(NAME))
    assert str(error) == (
        f"`{hub.endpoint}` received too many requests from here and answers again in 121 s"
    )
    assert error.wait_s == 121
    assert clock.waits == []


def test_a_rate_limit_that_does_not_end_is_told(hub, client, clock):
    hub.limit("/api/", 1, times=9)
    assert isinstance(failure(lambda: client().listing(NAME)), errors.RateLimitedError)
    assert clock.waits == [2, 2]


def test_a_rate_limit_without_a_wait_is_told(hub, client, clock):
    hub.fail("/api/", 429)
    assert str(failure(lambda: client().listing(NAME))).endswith("answers again after a while")
    assert clock.waits == []


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"RateLimit": '"api";r=0;t=55'}, 56),
        ({"RateLimit": '"resolvers"; r=0; t=0', "Retry-After": "9"}, 1),
        ({"Retry-After": " 120 "}, 120),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:00 GMT"}, None),
        ({"RateLimit": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_as_huggingface_hub_reads_it(headers, wait_s):
    assert wait_of(headers) == wait_s


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_three_times(hub, client, clock, status):
    hub.fail("/revision/", status, times=2)
    assert client().listing(NAME).repository == NAME
    assert clock.waits == [0.5, 2.0]


def test_a_server_in_lasting_trouble_is_one_sentence(hub, client):
    hub.fail("/revision/", 503, times=3)
    error = failure(lambda: client().listing(NAME))
    assert str(error) == f"`{hub.endpoint}` is in trouble: it answers with status 503"
    assert len(hub.requests) == 3


@pytest.mark.parametrize("times", [1, 2])
def test_a_broken_connection_is_made_again(hub, client, clock, times):
    hub.cut("/tree/", after_bytes=10, times=times)
    assert len(client().listing(NAME).files) == 1
    assert clock.waits == [0.5, 2.0][:times]


def test_a_connection_that_always_breaks_is_one_sentence(hub, client):
    hub.cut("/tree/", after_bytes=10, times=9)
    error = failure(lambda: client().listing(NAME))
    assert isinstance(error, errors.BrokenTransferError)
    assert str(error).startswith(f"the connection to `{hub.endpoint}` broke off (")


def test_a_range_that_breaks_off_is_asked_for_again(hub, client, clock):
    hub.cut(FILE, after_bytes=10, origin=CDN)
    assert len(first_bytes(client())) == 1_000
    assert clock.waits == [0.5]


# Whose token, and where to


def test_the_user_s_own_token_is_sent_to_the_endpoint_alone(hub, client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert own_access().token_of() == TOKEN
    asked = client(token=own_access().token_of())
    first_bytes(asked)
    assert all(one.headers["authorization"] == f"Bearer {TOKEN}" for one in hub.asked(origin="hub"))
    assert hub.asked(origin=CDN)
    assert hub.leaked == []


def test_a_token_that_may_not_be_used_is_not(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    assert own_access().token_of() is None


def test_no_token_goes_to_another_address_than_the_endpoint_s(hub, client):
    subject = Subject(repository=NAME, revision="main")
    sender = client(token=True).transport
    with pytest.raises(errors.NonsenseError), sender.get(f"{hub.cdn}/a", subject):
        pass
    (sent,) = hub.asked("/a", origin=CDN)
    assert "authorization" not in sent.headers


def test_a_redirect_of_the_api_elsewhere_takes_no_token_along(hub, client):
    away = {"Location": f"{hub.cdn}/login"}
    hub.fail("/revision/", 302, headers=away)
    failure(lambda: client(token=True).listing(NAME))
    assert hub.asked("/login", origin=CDN)
    assert hub.leaked == []
