"""Flight SQL's messages as bytes, written and read by hand, so that no driver stands between a replay and the server.

In: names of messages and their fields by number. Out: what goes into a descriptor, a ticket or an action's body.
"""

import pyarrow as pa
import pyarrow.flight as flight

PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."


def varint(number):
    """A number in the variable-length form; negative ones as 64 bits."""
    number &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if not number:
            return bytes(out)


def message(fields):
    """A message: texts, bytes, numbers, flags, and lists of them."""
    out = bytearray()
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, (bool, int)):
                out += varint(number << 3) + varint(int(one))
            else:
                data = one.encode() if isinstance(one, str) else one
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return bytes(out)


def packed(name, fields):
    """A message inside an `Any`."""
    return message({1: PREFIX + name, 2: message(fields)})


def fields(data):
    """The fields of a message: the last value of each number, bytes or a number."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        elif key & 7 == 2:
            size = number()
            found[key >> 3] = bytes(data[at : at + size])
            at += size
        else:
            raise ValueError(f"wire type {key & 7}")
    return found


class Raw:
    """A client that sends what it is told, and nothing more."""

    def __init__(self, uri, agent, **headers):
        self.client = flight.connect(uri, generic_options=[("grpc.primary_user_agent", agent)])
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    def close(self):
        self.client.close()

    def options(self):
        return flight.FlightCallOptions(headers=self.headers, timeout=300)

    def descriptor(self, name, values):
        return flight.FlightDescriptor.for_command(packed(name, values))

    def info(self, name, values):
        """GetFlightInfo of a command."""
        return self.client.get_flight_info(self.descriptor(name, values), self.options())

    def schema(self, name, values):
        """GetSchema of a command."""
        return self.client.get_schema(self.descriptor(name, values), self.options())

    def rows(self, info):
        """DoGet of the one endpoint."""
        if len(info.endpoints) != 1 or info.endpoints[0].locations:
            raise AssertionError("not one endpoint without locations")
        return self.client.do_get(info.endpoints[0].ticket, self.options()).read_all()

    def ask(self, name, values=None):
        """A command's rows; they have the announced columns."""
        info = self.info(name, values or {})
        table = self.rows(info)
        if not table.schema.equals(info.schema, check_metadata=True):
            raise AssertionError(f"announced {info.schema}, sent {table.schema}")
        return table

    def act(self, name, values):
        """DoAction with a message of the same name; the result's message as fields, none without one."""
        results = list(self.client.do_action(flight.Action(name, packed(f"Action{name}Request", values)), self.options()))
        return fields(fields(results[0].body.to_pybytes())[2]) if results else None

    def prepare(self, sql):
        """A prepared statement: its handle, and the IPC messages of its columns and its parameters."""
        result = self.act("CreatePreparedStatement", {1: sql})
        return result[1], result.get(2, b""), result.get(3, b"")

    def end(self, handle):
        self.act("ClosePreparedStatement", {1: handle})


def schema_of(ipc):
    """The schema in an IPC message."""
    return pa.ipc.read_schema(pa.py_buffer(ipc))
