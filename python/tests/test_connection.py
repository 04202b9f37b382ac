"""What a connection has of its own: where it leads, who is behind it, what goes with its calls, how it ends."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import trustme
from conftest import BINARY, PATIENCE, environment, eventually, python, serving

import meshweave
from meshweave import _remote, errors

USERS = """\
apiVersion: meshweave/v1
kind: Users
users:
  - name: ada
    password: "{hash}"
    teams: [analytics]
"""


def test_nobody_at_the_address_is_unavailable() -> None:
    with pytest.raises(errors.UnavailableError, match="hint: Is the server running"):
        meshweave.connect("grpc://127.0.0.1:1")


@pytest.mark.parametrize("address", ["127.0.0.1:31337", "http://127.0.0.1:31337", "grpc:/x y"])
def test_an_address_is_a_url_of_flight(address: str) -> None:
    with pytest.raises(errors.InterfaceError, match=r"hint: It is grpc\+tls://host:port"):
        meshweave.connect(address)


@pytest.mark.parametrize("value", ["für", "two\nlines", "\x00"])
def test_headers_that_cannot_be_sent_are_refused_before_they_are(value: str, connected: meshweave.Mesh) -> None:
    with pytest.raises(errors.InterfaceError, match="x-meshweave-purpose") as caught:
        connected.sql("SELECT 1", purpose=value)
    assert value not in str(caught.value)
    with pytest.raises(errors.InterfaceError, match="authorization"):
        meshweave.connect("grpc://127.0.0.1:1", token=value)
    with pytest.raises(errors.InterfaceError, match="no name of a header"):
        meshweave.connect("grpc://127.0.0.1:1", headers={value: "x"})


def test_use_after_close_is_a_clear_error(address: str) -> None:
    mesh = meshweave.connect(address)
    answer = mesh.sql("SELECT 1 AS one")
    begun = mesh.sql("SELECT * FROM sales.lineitem").batches()
    next(begun)
    mesh.close()
    mesh.close()
    for use in (lambda: mesh.sql("SELECT 1"), answer.to_arrow, mesh.products, lambda: mesh.search("x")):
        with pytest.raises(errors.ClosedError, match="was closed"):
            use()
    with pytest.raises(errors.CancelledError):
        list(begun)


def test_each_connection_has_a_session_of_its_own(address: str) -> None:
    with meshweave.connect(address) as one, meshweave.connect(address) as other:
        assert one.register_frame("temp.x", {"a": [1, 2]}) == 2
        assert one.sql("SELECT sum(a) AS s FROM temp.x").to_pylist() == [{"s": 3}]
        with pytest.raises(errors.NotFoundError):
            other.sql("SELECT * FROM temp.x")


def test_a_frame_larger_than_a_message_is_sent(connected: meshweave.Mesh) -> None:
    rows = 5_000_000
    frame = pa.table({"n": pa.array(range(rows), pa.int64()), "half": pa.nulls(rows, pa.float64())})
    assert frame.nbytes > 64 << 20, "more than a server takes in one message"
    assert connected.register_frame("temp.large", frame) == rows
    told = connected.sql("SELECT count(*) AS n, sum(n) AS s, count(half) AS h FROM temp.large").to_pylist()
    connected.unregister_frame("temp.large")
    assert told == [{"n": rows, "s": rows * (rows - 1) // 2, "h": 0}]


def test_a_frame_that_is_not_sent_whole_is_not_there(
    connected: meshweave.Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sent(threading.Event):
        """Says stop after the first message."""

        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 1

    put = _remote._put

    def put_in_part(client: Any, descriptor: Any, table: pa.Table, options: Any, stop: threading.Event) -> bytes:
        return put(client, descriptor, table, options, Sent())

    monkeypatch.setattr(_remote, "MESSAGE_BYTES", 1 << 10)
    monkeypatch.setattr(_remote, "_put", put_in_part)
    with pytest.raises(errors.CancelledError):
        connected.register_frame("temp.part", {"a": range(1000)})
    monkeypatch.undo()
    with pytest.raises(errors.NotFoundError):
        connected.sql("SELECT * FROM temp.part")


def test_a_ticket_that_is_too_old_is_asked_for_again(
    connected: meshweave.Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = connected.sql("SELECT count(*) AS n FROM commerce.orders")
    first = answer._query._unread.query_id  # type: ignore[attr-defined]
    monkeypatch.setattr(_remote, "FRESH", -1.0)
    assert answer.to_pylist() == [{"n": 4000}]
    assert answer.query_id != first


def test_what_waits_for_its_turn_is_cancelled(own: Path) -> None:
    long = "SELECT count(*) FROM sales.lineitem a JOIN sales.lineitem b ON a.l_linestatus = b.l_linestatus"
    with serving(own, LIMITS__CONCURRENT_QUERIES="1") as address, meshweave.connect(address) as mesh:
        runs = mesh.sql(long)
        ended: list[str] = []

        def read(answer: meshweave.Answer) -> None:
            try:
                answer.to_arrow()
            except errors.Error as error:
                ended.append(error.kind)

        first = threading.Thread(target=read, args=(runs,))
        first.start()
        eventually(lambda: any(reading._stream for reading in runs._query._readings))  # type: ignore[attr-defined]
        waits = mesh.sql("SELECT count(*) AS n FROM commerce.orders")
        second = threading.Thread(target=read, args=(waits,))
        second.start()
        eventually(lambda: len(list(waits._query._readings)) == 1)  # type: ignore[attr-defined]
        waits.cancel()
        second.join(PATIENCE)
        assert ended == ["cancelled"], "it does not wait for the one that runs"
        runs.cancel()
        first.join(PATIENCE)
        assert ended == ["cancelled"] * 2
        assert mesh.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]


@pytest.fixture
def known(own: Path, tmp_path: Path) -> Iterator[str]:
    """Give the address of a server that knows ada by her password."""
    hashed = subprocess.run(
        [BINARY, "user", "hash"], input="open sesame\n", capture_output=True, text=True, check=True, env=environment()
    )
    users = tmp_path / "users.yaml"
    users.write_text(USERS.format(hash=hashed.stdout.strip()))
    users.chmod(0o600)
    with serving(own, AUTHENTICATOR__USERS=str(users)) as address:
        yield address


def test_a_user_logs_in_with_a_password_and_is_judged_by_the_teams(known: str) -> None:
    with meshweave.connect(known, user="ada", password="open sesame") as mesh:
        assert mesh.sql("SELECT count(*) AS n FROM commerce.orders").to_pylist() == [{"n": 4000}]
        assert mesh.register_frame("temp.x", {"a": [1]}) == 1
        assert mesh.sql("SELECT * FROM temp.x").to_pylist() == [{"a": 1}]
        bearer = mesh._backend.flight._jar.headers["authorization"].removeprefix("Bearer ")  # type: ignore[attr-defined]
    with meshweave.connect(known, token=bearer) as mesh:
        assert mesh.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]
    for wrong in ({}, {"token": "nobody's"}, {"user": "ada", "password": "open"}):
        with pytest.raises(errors.UnauthenticatedError):
            meshweave.connect(known, **wrong)


TRUSTING = """
import sys, meshweave
with meshweave.connect(sys.argv[1]) as mesh:
    print(mesh.sql("SELECT 1 AS one").to_pylist())
"""


def test_a_connection_is_secured(own: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "certificate.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    tls = {"TLS__CERTIFICATE": str(tmp_path / "certificate.pem"), "TLS__KEY": str(tmp_path / "key.pem")}
    with serving(own, **tls) as address:
        assert address.startswith("grpc+tls://")
        roots = authority.cert_pem.bytes()
        for trusted in (roots, roots.decode()):
            with meshweave.connect(address, tls_roots=trusted) as mesh:
                assert mesh.sql("SELECT count(*) AS n FROM commerce.orders").to_pylist() == [{"n": 4000}]
        with pytest.raises(errors.UnavailableError):
            meshweave.connect(address)
        (tmp_path / "roots.pem").write_bytes(roots)
        ran = python(TRUSTING, address, env={**environment(), "SSL_CERT_FILE": str(tmp_path / "roots.pem")})
        assert ran.stdout == "[{'one': 1}]\n", ran.stderr


FORK = """
import gc, os, sys, meshweave
from meshweave import errors
mesh = meshweave.connect(sys.argv[1])
mesh.register_frame("temp.x", {"a": [1]})
answer = mesh.sql("SELECT count(*) AS n FROM commerce.orders")
begun = mesh.sql("SELECT * FROM sales.lineitem").batches()
rows = next(begun).num_rows
child = os.fork()
if child == 0:
    told = []
    uses = (lambda: mesh.sql("SELECT 1"), answer.to_arrow, answer.cancel, mesh.products, lambda: mesh.search("x"))
    for use in (*uses, lambda: meshweave.connect(sys.argv[1])):
        try:
            use()
        except errors.ForkError as error:
            told.append("spawn" in error.hint)
    del begun, answer, use, uses
    gc.collect()
    mesh.close()
    with meshweave.open(sys.argv[2]) as own:
        rows = own.sql("SELECT count(*) AS n FROM commerce.orders").to_pylist()
    sys.exit(0 if told == [True] * 6 and rows == [{"n": 4000}] else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert answer.to_pylist() == [{"n": 4000}]
rows += sum(batch.num_rows for batch in begun)
assert [{"n": rows}] == mesh.sql("SELECT count(*) AS n FROM sales.lineitem").to_pylist()
print("the parent lives")
"""


def test_after_a_fork_the_child_has_no_connection_and_the_parent_has(address: str, made: Path) -> None:
    ran = python(FORK, address, str(made))
    assert ran.stdout == "the parent lives\n", ran.stderr
