import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Types;
import java.util.List;
import java.util.Map;

/** Statements with and without parameters, every {@code setX}, and what comes back as an {@code SQLException}. */
final class Statements {
    /** Binds parameter 1. */
    private interface Setter {
        void set(PreparedStatement statement) throws Exception;
    }

    /** Handles hold all state, and one with bound values is a new one; drivers before 17 go on with the old one. */
    static final String IGNORES_THE_HANDLE = "it ignores the handle with the bound values";

    private Statements() {}

    static void run(Cases cases, Connection connection) {
        plain(cases, connection);
        setters(cases, connection);
        prepared(cases, connection);
        refusals(cases, connection);
    }

    private static void plain(Cases cases, Connection connection) {
        cases.run("execute and getResultSet", () -> {
            try (Statement statement = connection.createStatement()) {
                Cases.that(statement.execute("SELECT 42 AS answer"), "no result set");
                Cases.same(List.of(Map.of("answer", 42L)), Rows.all(statement.getResultSet()));
            }
        });
        cases.run("one Statement, several answers", () -> {
            try (Statement statement = connection.createStatement()) {
                for (long at = 0; at < 5; at++) {
                    Cases.same(List.of(Map.of("n", at)), Rows.all(statement.executeQuery("SELECT " + at + " AS n")));
                }
            }
        });
        cases.run("setMaxRows", () -> {
            try (Statement statement = connection.createStatement()) {
                statement.setMaxRows(3);
                Cases.same(3, Rows.all(statement.executeQuery("SELECT l_orderkey FROM sales.lineitem")).size());
            }
        });
        cases.run("many batches, in order", () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT l_orderkey, l_linenumber FROM sales.lineitem ORDER BY l_orderkey, l_linenumber")) {
                long count = 0;
                long last = 0;
                for (; rows.next(); count++) {
                    long key = rows.getLong(1) * 10 + rows.getLong(2);
                    Cases.that(key > last, "out of order at row " + count);
                    last = key;
                }
                Cases.same(60175L, count, "rows");
            }
        });
        cases.run("two answers side by side", () -> {
            try (Statement one = connection.createStatement(); Statement two = connection.createStatement();
                 ResultSet left = one.executeQuery("SELECT r_name FROM reference.region ORDER BY r_name");
                 ResultSet right = two.executeQuery("SELECT r_name FROM reference.region ORDER BY r_name")) {
                int count = 0;
                for (; left.next(); count++) {
                    Cases.that(right.next(), "the other ends");
                    Cases.same(left.getString(1), right.getString(1));
                }
                Cases.same(5, count, "rows");
            }
        });
        cases.run("a join over three domains", () -> {
            try (Statement statement = connection.createStatement()) {
                Cases.that(!Rows.all(statement.executeQuery(
                    "SELECT c.country, count(*) AS parcels FROM commerce.orders o JOIN identity.customers c ON c.customer_id = o.customer_id "
                        + "JOIN logistics.shipments s ON s.order_id = o.order_id GROUP BY c.country")).isEmpty(), "no rows");
            }
        });
    }

    /** Each value comes back as it was bound. */
    private static void setters(Cases cases, Connection connection) {
        echo(cases, connection, "setBoolean", "BOOLEAN", s -> s.setBoolean(1, true), true);
        echo(cases, connection, "setByte", "TINYINT", s -> s.setByte(1, (byte) -7), (byte) -7);
        echo(cases, connection, "setShort", "SMALLINT", s -> s.setShort(1, (short) -777), (short) -777);
        echo(cases, connection, "setInt", "INT", s -> s.setInt(1, -77777), -77777);
        echo(cases, connection, "setInt for a BIGINT", "BIGINT", s -> s.setInt(1, -77777), -77777L);
        echo(cases, connection, "setLong", "BIGINT", s -> s.setLong(1, Long.MIN_VALUE), Long.MIN_VALUE);
        echo(cases, connection, "setFloat", "REAL", s -> s.setFloat(1, 1.5f), 1.5);
        echo(cases, connection, "setDouble", "DOUBLE", s -> s.setDouble(1, -1e300), -1e300);
        echo(cases, connection, "setBigDecimal", "DECIMAL(12, 2)", s -> s.setBigDecimal(1, new BigDecimal("12345.67")), new BigDecimal("12345.67"));
        echo(cases, connection, "setString", "VARCHAR", s -> s.setString(1, "größer 😀 'x'"), "größer 😀 'x'");
        echo(cases, connection, "setNString", "VARCHAR", s -> s.setNString(1, "größer"), "größer");
        echo(cases, connection, "setBytes", "BYTEA", s -> s.setBytes(1, new byte[] {0, 1, -1}), new byte[] {0, 1, -1});
        echo(cases, connection, "setDate", "DATE", s -> s.setDate(1, Date.valueOf("2026-11-21")), Date.valueOf("2026-11-21"));
        echo(cases, connection, "setTime", "TIME", s -> s.setTime(1, Time.valueOf("23:59:58")), "23:59:58");
        echo(cases, connection, "setObject(Long)", "BIGINT", s -> s.setObject(1, 7L), 7L);
        echo(cases, connection, "setObject(String)", "VARCHAR", s -> s.setObject(1, "seven"), "seven");
        echo(cases, connection, "setObject with a type", "INT", s -> s.setObject(1, 7, Types.INTEGER), 7);
        echo(cases, connection, "setNull(INTEGER)", "INT", s -> s.setNull(1, Types.INTEGER), null);
        echo(cases, connection, "setNull(VARCHAR)", "VARCHAR", s -> s.setNull(1, Types.VARCHAR), null);
        echo(cases, connection, "setObject(null)", "DOUBLE", s -> s.setObject(1, null), null);
        lostByTheDriver(cases, connection, "setBinaryStream", s -> s.setBinaryStream(1, new ByteArrayInputStream(new byte[1])));
        lostByTheDriver(cases, connection, "setAsciiStream", s -> s.setAsciiStream(1, new ByteArrayInputStream("x".getBytes(StandardCharsets.US_ASCII))));
        lostByTheDriver(cases, connection, "setCharacterStream", s -> s.setCharacterStream(1, new StringReader("x")));
        lostByTheDriver(cases, connection, "setBlob", s -> s.setBlob(1, new ByteArrayInputStream(new byte[1])));
        lostByTheDriver(cases, connection, "setClob", s -> s.setClob(1, new StringReader("x")));
    }

    private static void echo(Cases cases, Connection connection, String name, String type, Setter setter, Object expected) {
        cases.runSince(17, IGNORES_THE_HANDLE, name, () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT CAST(? AS " + type + ") AS echo")) {
                setter.set(statement);
                try (ResultSet rows = statement.executeQuery()) {
                    Cases.that(rows.next(), "no row");
                    Object value = rows.getObject(1);
                    Cases.same(expected, value instanceof Time ? value.toString() : value);
                    Cases.same(expected == null, rows.wasNull());
                }
            }
        });
    }

    /** The driver forgets these values before it sends anything. */
    private static void lostByTheDriver(Cases cases, Connection connection, String name, Setter setter) {
        cases.fails("it binds no streams", name, () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT CAST(? AS VARCHAR) AS echo")) {
                setter.set(statement);
                Rows.all(statement.executeQuery());
            }
        });
    }

    private static void prepared(Cases cases, Connection connection) {
        cases.run("parameters are told before they are bound", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT order_id FROM commerce.orders WHERE total > ? AND currency = ? AND placed_at < ?")) {
                Cases.same(3, statement.getParameterMetaData().getParameterCount());
                Cases.same(Types.DECIMAL, statement.getParameterMetaData().getParameterType(1));
                Cases.same(Types.VARCHAR, statement.getParameterMetaData().getParameterType(2));
                Cases.same(1, statement.getMetaData().getColumnCount());
                Cases.same("order_id", statement.getMetaData().getColumnLabel(1));
            }
        });
        cases.runSince(17, IGNORES_THE_HANDLE, "run again with other values", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT n_name FROM reference.nation WHERE n_nationkey = ?")) {
                for (String[] nation : new String[][] {{"0", "ALGERIA"}, {"7", "GERMANY"}, {"24", "UNITED STATES"}}) {
                    statement.setLong(1, Long.parseLong(nation[0]));
                    Cases.same(List.of(Map.of("n_name", nation[1])), Rows.all(statement.executeQuery()));
                }
            }
        });
        cases.runSince(17, IGNORES_THE_HANDLE, "ten parameters keep their order", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT concat(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS all_of_them")) {
                for (int at = 1; at <= 11; at++) {
                    statement.setString(at, String.valueOf((char) ('a' + at - 1)));
                }
                Cases.same(List.of(Map.of("all_of_them", "abcdefghijk")), Rows.all(statement.executeQuery()));
            }
        });
        cases.runSince(17, IGNORES_THE_HANDLE, "a question mark in a text is no parameter", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT '?' AS a, ? AS b -- ?")) {
                statement.setString(1, "bound");
                Cases.same(List.of(Map.of("a", "?", "b", "bound")), Rows.all(statement.executeQuery()));
            }
        });
    }

    /** Our message reaches the caller, and the connection goes on. */
    private static void refusals(Cases cases, Connection connection) {
        String[][] refused = {
            {"SELECT * FROM commerce.oders", "data product \"commerce.oders\" does not exist", "Did you mean"},
            {"SELECT nothing FROM commerce.orders", "nothing"},
            {"SELEC 1", "SELEC"},
            {"SELECT 1 / 0", "ivide by zero"},
            {"SELECT CAST('x' AS INT)", "annot cast"},
            {"DELETE FROM commerce.orders", "read-only"},
            {"DROP TABLE commerce.orders", "DROP TABLE"},
        };
        for (String[] one : refused) {
            cases.run("refused: " + one[0], () -> {
                try (Statement statement = connection.createStatement()) {
                    Cases.refused(() -> Rows.all(statement.executeQuery(one[0])), java.util.Arrays.copyOfRange(one, 1, one.length));
                    Cases.same(List.of(Map.of("n", 1L)), Rows.all(statement.executeQuery("SELECT 1 AS n")));
                }
            });
        }
        // The driver leaks its buffers with that, and cannot close the connection any more: it gets one of its own.
        cases.run("too few values are refused", () -> {
            Connection other = DriverManager.getConnection(connection.getMetaData().getURL());
            PreparedStatement statement = other.prepareStatement("SELECT CAST(? AS INT), CAST(? AS INT)");
            statement.setInt(1, 1);
            Cases.refused(statement::executeQuery);
        });
    }
}
