"""Logins and certificates: ADBC's driver and pyarrow's client, against a server with TLS and a file of users.

    MESHWEAVE_GUARDED=HOST:PORT MESHWEAVE_CA=FILE ... python guarded.py

The environment says where the server is, whom to trust, and who logs in. Start reading at `main`.
"""

import os
from pathlib import Path

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager as errors
import pyarrow.flight as flight
from adbc_driver_flightsql import DatabaseOptions as Option

from checks import Checks, refused, same

ADDRESS = os.environ["MESHWEAVE_GUARDED"]
URI = f"grpc+tls://{ADDRESS}"
CA = Path(os.environ["MESHWEAVE_CA"]).read_text()
OTHER_CA = Path(os.environ["MESHWEAVE_OTHER_CA"]).read_text()
USER, PASSWORD = os.environ["MESHWEAVE_USER"], os.environ["MESHWEAVE_PASSWORD"]
STRANGER = {"username": os.environ["MESHWEAVE_STRANGER"], "password": os.environ["MESHWEAVE_STRANGERS_PASSWORD"]}
LOGIN = {"username": USER, "password": PASSWORD}
TRUST = {Option.TLS_ROOT_CERTS.value: CA}


def connect(options, uri=URI):
    return flightsql.connect(uri, db_kwargs=options, autocommit=True)


def asked(options, uri=URI, sql="SELECT 1"):
    """All rows of a statement."""
    with connect(options, uri) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def bearer():
    """The token of a login that another client made."""
    with flight.FlightClient(URI, tls_root_certs=CA) as client:
        name, value = client.authenticate_basic_token(USER, PASSWORD)
        same(name, b"authorization")
        return value.decode()


class ByMessage(flight.ClientAuthHandler):
    """Flight's older login: a message with user and password, and a header of its own from then on."""

    def __init__(self, user, password):
        super().__init__()
        self.login = flight.BasicAuth(user, password)
        self.token = b""

    def authenticate(self, outgoing, incoming):
        outgoing.write(self.login.serialize())
        self.token = incoming.read()

    def get_token(self):
        return self.token


def comes_in(checks):
    """Every way to show who one is, and whom one trusts."""
    ways = {
        "a user and a password": LOGIN | TRUST,
        "any certificate": LOGIN | {Option.TLS_SKIP_VERIFY.value: "true"},
        "the token of a login": {Option.AUTHORIZATION_HEADER.value: bearer()} | TRUST,
    }
    for name, options in ways.items():
        with checks.case(f"guarded: {name}"):
            same(asked(options), [(1,)])
    with checks.case("guarded: pyarrow's login with a message"), flight.FlightClient(URI, tls_root_certs=CA) as client:
        client.authenticate(ByMessage(USER, PASSWORD))
        assert "CloseSession" in {action.type for action in client.list_actions()}
    with checks.case("guarded: pyarrow's login with a wrong message"), flight.FlightClient(URI, tls_root_certs=CA) as client:
        with refused("not authenticated", by=flight.FlightUnauthenticatedError):
            client.authenticate(ByMessage(USER, "wrong"))


def works(checks):
    """What a user does once inside."""
    with connect(LOGIN | TRUST) as connection, connection.cursor() as cursor:
        with checks.case("guarded: what a team may read"):
            cursor.execute("SELECT order_id FROM commerce.orders LIMIT 3")
            same(len(cursor.fetchall()), 3)
        with checks.case("guarded: a parameter"):
            cursor.execute("SELECT r_name FROM reference.region WHERE r_regionkey = ?", parameters=[3])
            same(cursor.fetchall(), [("EUROPE",)])
        with checks.case("guarded: metadata"):
            found = connection.adbc_get_objects(depth="tables", db_schema_filter="commerce").read_all().to_pylist()
            tables = found[0]["catalog_db_schemas"][0]["db_schema_tables"]
            assert "orders" in {table["table_name"] for table in tables}, tables
    with checks.case("guarded: what a stranger may not read is not there"):
        with refused("does not exist", by=errors.ProgrammingError):
            asked(STRANGER | TRUST, sql="SELECT * FROM identity.login_events")


def stays_outside(checks):
    """Who is nobody, or shows another's password."""
    wrong = {
        "a wrong password": LOGIN | {"password": "p:w"},
        "an unknown user": LOGIN | {"username": "nobody"},
        "no login": {},
        "a token that nobody gave": {Option.AUTHORIZATION_HEADER.value: "Bearer nobody"},
    }
    for name, options in wrong.items():
        with checks.case(f"guarded: {name} is refused"):
            with refused("not authenticated", by=errors.ProgrammingError):
                asked(options | TRUST)


def trusts_nobody_else(checks):
    """The client's part: it does not tell its password to a server that it cannot trust."""
    _, port = ADDRESS.split(":")
    wrong = {
        "a certificate of another authority": ({Option.TLS_ROOT_CERTS.value: OTHER_CA}, URI, "certificate"),
        "a certificate of an authority nobody knows": ({}, URI, "certificate"),
        "a certificate for another name": (TRUST, f"grpc+tls://localhost:{port}", "certificate"),
        "a connection without encryption": ({}, f"grpc+tcp://{ADDRESS}", ""),
    }
    for name, (options, uri, text) in wrong.items():
        with checks.case(f"guarded: {name} is refused"):
            with refused(text, by=errors.Error):
                asked(LOGIN | options, uri)


def main():
    checks = Checks()
    comes_in(checks)
    works(checks)
    stays_outside(checks)
    trusts_nobody_else(checks)
    checks.end()


main()
