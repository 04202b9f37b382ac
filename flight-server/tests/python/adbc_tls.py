"""Connects over TLS with the real ADBC Flight SQL driver, trusting one authority.

    python adbc_tls.py grpc+tls://127.0.0.1:PORT CA.pem
"""

import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
from adbc_driver_flightsql import DatabaseOptions


def main(uri, trusted):
    with open(trusted, encoding="utf-8") as file:
        options = {DatabaseOptions.TLS_ROOT_CERTS.value: file.read()}
    with flightsql.connect(uri, db_kwargs=options) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.orders")
        if cursor.fetchone()[0] == 0:
            sys.exit("failed: no rows came")
    print("ok: rows came over TLS")
    try:
        with flightsql.connect(uri) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except adbc_driver_manager.Error as error:
        if "certificate" not in str(error):
            raise
        print("ok: a certificate that nobody trusted vouches for is refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
