"""One schema for one statement, bit for bit, whichever call tells it, for every profile.

    python schemas.py grpc://127.0.0.1:PORT FOLDER_OF_TPCH_QUERIES whole|shared

CreatePreparedStatement, GetSchema (of the statement and of the handle) and GetFlightInfo (of both) give the same bytes; DoGet's schema
message is the same schema, metadata included. With `whole` every profile is asked with the whole corpus, with `shared` the profiles share it.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import corpus
from checks import Checks, same
from messages import Raw, fields, schema_of

PROFILES = ["compat", "jdbc", "native", "odbc", "grafana"]


def told(raw, sql):
    """What each call tells, as bytes, and the schema of DoGet."""
    handle, columns, _ = raw.prepare(sql)
    statement = ("CommandStatementQuery", {1: sql})
    prepared = ("CommandPreparedStatementQuery", {1: handle})
    bytes_by_call = {"CreatePreparedStatement": columns}
    for what, command in (("statement", statement), ("handle", prepared)):
        bytes_by_call[f"GetSchema of the {what}"] = fields(raw.schema(*command).serialize())[1]
        info = raw.info(*command)
        bytes_by_call[f"GetFlightInfo of the {what}"] = fields(info.serialize())[1]
    reader = raw.client.do_get(info.endpoints[0].ticket, raw.options())
    sent = reader.schema
    reader.cancel()
    raw.end(handle)
    return bytes_by_call, sent


def check(checks, raw, profile, name, sql):
    with checks.case(f"{profile}: {name}"):
        bytes_by_call, sent = told(raw, sql)
        first = bytes_by_call["CreatePreparedStatement"]
        for call, told_bytes in bytes_by_call.items():
            same(told_bytes, first, call)
        assert sent.equals(schema_of(first), check_metadata=True), sent


def main():
    uri, folder, share = sys.argv[1:]
    checks = Checks()
    statements = corpus.statements(folder)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for number, profile in enumerate(PROFILES):
            raw = Raw(uri, "replay", x_meshweave_wire=profile)
            asked = statements if share == "whole" else statements[number :: len(PROFILES)]
            for done in [pool.submit(check, checks, raw, profile, *statement) for statement in asked]:
                done.result()
            raw.close()
    checks.end()


main()
