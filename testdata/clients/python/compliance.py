"""PEP 249 as `dbapi-compliance` tests it, over ADBC's Flight SQL driver; its tables live in the schema `temp` of a session.

    python compliance.py grpc://127.0.0.1:PORT

A test that the driver cannot pass is named with the reason, and must fail.
"""

import sys
import unittest
import uuid

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as flightsql
import dbapi20

from checks import Checks

# What fails, and why.
FAILING = {
    "test_callproc": "the driver has no stored procedures",
    "test_Binary": "the driver has no constructor for bytes",
    "test_close": "without transactions a commit does nothing, on a closed connection too",
    "test_non_idempotent_close": "closing the driver's connections twice is no error",
    "test_description": "the driver runs every statement as a query, whose count is a column",
    "test_fetchone": "as test_description",
    "test_fetchall": "as test_description",
    "test_nextset": "the test is a template for drivers with several results",
    "test_setoutputsize": "the test is a template",
}


class Compliance(dbapi20.DatabaseAPI20Test):
    driver = flightsql

    def setUp(self):
        options = adbc_driver_flightsql.DatabaseOptions
        headers = {
            options.AUTHORIZATION_HEADER.value: f"Bearer {uuid.uuid4()}",
            options.RPC_CALL_HEADER_PREFIX.value + "schema": "temp",
        }
        self.connect_args = (sys.argv[1],)
        self.connect_kw_args = {"autocommit": True, "db_kwargs": headers}


def run(name):
    """Runs one test; raises what it raised."""
    result = unittest.TestResult()
    Compliance(name).run(result)
    for _, text in result.errors + result.failures:
        raise AssertionError(text)
    if result.skipped:
        raise AssertionError(f"skipped: {result.skipped}")


def main():
    checks = Checks()
    for name in unittest.TestLoader().getTestCaseNames(Compliance):
        with checks.case(f"pep 249: {name}"):
            try:
                run(name)
            except AssertionError:
                if name not in FAILING:
                    raise
            else:
                assert name not in FAILING, "it passes: take it off the list"
    checks.end()


main()
