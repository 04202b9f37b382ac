import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Every type that can be stored: how {@code getColumns} tells it, and which value comes back. */
final class TypesOfColumns {
    /** How one column of {@code lab.types} is told, and the value of its second row as {@code getObject} gives it. */
    private record Column(int sqlType, String typeName, Object value) {}

    private static final int ZONED = Types.TIMESTAMP_WITH_TIMEZONE;
    private static final Map<String, Column> COLUMNS = columns();

    private TypesOfColumns() {}

    private static Map<String, Column> columns() {
        Map<String, Column> all = new LinkedHashMap<>();
        all.put("id", new Column(Types.BIGINT, "BIGINT", 2L));
        all.put("a_boolean", new Column(Types.BOOLEAN, "BOOLEAN", false));
        all.put("an_int8", new Column(Types.TINYINT, "TINYINT", (byte) 127));
        all.put("an_int16", new Column(Types.SMALLINT, "SMALLINT", (short) 32767));
        all.put("an_int32", new Column(Types.INTEGER, "INTEGER", 2147483647));
        all.put("an_int64", new Column(Types.BIGINT, "BIGINT", 9223372036854775807L));
        // The driver reads unsigned numbers as signed ones, so it is sent wider ones.
        all.put("a_uint8", new Column(Types.SMALLINT, "SMALLINT", (short) 255));
        all.put("a_uint16", new Column(Types.INTEGER, "INTEGER", 65535));
        all.put("a_uint32", new Column(Types.BIGINT, "BIGINT", 4294967295L));
        all.put("a_uint64", new Column(Types.BIGINT, "BIGINT", 9223372036854775807L));
        all.put("a_float16", new Column(Types.FLOAT, "REAL", 0.25));
        all.put("a_float32", new Column(Types.FLOAT, "REAL", 0.25));
        all.put("a_float64", new Column(Types.DOUBLE, "DOUBLE", 1e300));
        all.put("a_decimal", new Column(Types.DECIMAL, "DECIMAL", new BigDecimal("12345678.90")));
        all.put("a_wide_decimal", new Column(Types.DECIMAL, "DECIMAL", new BigDecimal("123456789012345678901234567890.123456")));
        all.put("a_decimal256", new Column(Types.DECIMAL, "DECIMAL", new BigDecimal("1234567890123456789012345678901234567890.5")));
        all.put("a_text", new Column(Types.VARCHAR, "VARCHAR", "größer 😀"));
        all.put("a_large_text", new Column(Types.VARCHAR, "VARCHAR", "größer 😀"));
        all.put("a_coded_text", new Column(Types.VARCHAR, "VARCHAR", "größer 😀"));
        all.put("some_bytes", new Column(Types.VARBINARY, "VARBINARY", new byte[0]));
        all.put("five_bytes", new Column(Types.BINARY, "BINARY", "other".getBytes()));
        all.put("a_date", new Column(Types.DATE, "DATE", Date.valueOf("2026-11-21")));
        all.put("a_time_ms", new Column(Types.TIME, "TIME", "23:59:59"));
        all.put("a_time_us", new Column(Types.TIME, "TIME", "23:59:59.999"));
        all.put("a_time_ns", new Column(Types.TIME, "TIME", "23:59:59.999"));
        all.put("a_reading_ms", new Column(Types.TIMESTAMP, "TIMESTAMP", Timestamp.valueOf("2026-11-21 23:59:59.999")));
        all.put("a_reading_us", new Column(Types.TIMESTAMP, "TIMESTAMP", Timestamp.valueOf("2026-11-21 23:59:59.999999")));
        all.put("a_reading_ns", new Column(Types.TIMESTAMP, "TIMESTAMP", Timestamp.valueOf("2026-11-21 23:59:59.999999999")));
        all.put("an_instant_ms", new Column(ZONED, "TIMESTAMP WITH TIME ZONE", Timestamp.valueOf("2026-11-21 23:59:59.999")));
        all.put("an_instant_us", new Column(ZONED, "TIMESTAMP WITH TIME ZONE", Timestamp.valueOf("2026-11-21 23:59:59.999999")));
        all.put("an_instant_ns", new Column(ZONED, "TIMESTAMP WITH TIME ZONE", Timestamp.valueOf("2026-11-21 23:59:59.999999999")));
        all.put("a_list", new Column(Types.ARRAY, "ARRAY", List.of()));
        all.put("a_list_of_structs", new Column(Types.ARRAY, "ARRAY", null));
        all.put("a_struct", new Column(Types.JAVA_OBJECT, "STRUCT", "{\"x\":2,\"y\":\"two\"}"));
        all.put("a_deep_struct", new Column(Types.JAVA_OBJECT, "STRUCT", null));
        all.put("a_map", new Column(Types.JAVA_OBJECT, "MAP", null));
        return all;
    }

    static void run(Cases cases, Connection connection) {
        Map<String, Map<String, Object>> listed = new HashMap<>();
        cases.run("getColumns over every storable type", () -> {
            for (Map<String, Object> column : Rows.all(connection.getMetaData().getColumns("mesh", "lab", "types", null))) {
                listed.put((String) column.get("COLUMN_NAME"), column);
            }
            Cases.same(COLUMNS.keySet(), listed.keySet());
        });
        COLUMNS.forEach((name, expected) -> {
            cases.run("getColumns: " + name, () -> told(cases, listed.get(name), expected));
            if (expected.sqlType == ZONED) {
                // Without getObject, null too is read otherwise.
                cases.runExcept(18, "getObject(int) of a timestamp with a zone is \"not implemented\"", "getObject: " + name, () -> value(connection, name, expected));
                cases.run("getTimestamp: " + name, () -> timestamp(connection, name, (Timestamp) expected.value));
            } else {
                cases.run("getObject: " + name, () -> value(connection, name, expected));
            }
        });
        emptyAnswers(cases, connection);
        getters(cases, connection);
    }

    private static void told(Cases cases, Map<String, Object> column, Column expected) {
        int sqlType = expected.sqlType == ZONED && cases.driverMajor() < 18 ? Types.TIMESTAMP : expected.sqlType;
        Cases.same(sqlType, ((Number) column.get("DATA_TYPE")).intValue(), "DATA_TYPE");
        Cases.same(expected.typeName, column.get("TYPE_NAME"), "TYPE_NAME");
        Cases.same("id".equals(column.get("COLUMN_NAME")) ? "NO" : "YES", column.get("IS_NULLABLE"), "IS_NULLABLE");
    }

    /** The first row is some value, the second the expected one, the third null. */
    private static void value(Connection connection, String name, Column expected) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT " + name + " FROM lab.types ORDER BY id")) {
            Cases.that(rows.next() && rows.getObject(1) != null && rows.getString(1) != null && !rows.wasNull(), "the first row");
            Cases.that(rows.next(), "no second row");
            Object value = rows.getObject(1);
            if (value instanceof Array array) {
                Cases.same(expected.value, Arrays.asList((Object[]) array.getArray()));
            } else if (expected.value instanceof String text) {
                Cases.same(text, value.toString());
            } else {
                Cases.same(expected.value, value);
            }
            Cases.that(rows.next(), "no third row");
            Cases.that(name.equals("id") || (rows.getObject(1) == null && rows.wasNull()), "the third row is null");
            Cases.that(!rows.next(), "a fourth row");
        }
    }

    private static void timestamp(Connection connection, String name, Timestamp expected) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT " + name + " FROM lab.types WHERE id >= 2 ORDER BY id")) {
            Cases.that(rows.next(), "no row");
            Cases.same(expected, rows.getTimestamp(1));
            Cases.that(rows.next() && rows.getTimestamp(1) == null && rows.wasNull(), "null");
        }
    }

    /** Answers without rows, known before they run and found out while they run. */
    private static void emptyAnswers(Cases cases, Connection connection) {
        for (String where : List.of("1 = 0", "id > 100", "a_text = 'nowhere'")) {
            String sql = "SELECT * FROM lab.types WHERE " + where;
            cases.run("an empty answer of a PreparedStatement: " + where, () -> {
                try (PreparedStatement statement = connection.prepareStatement(sql); ResultSet rows = statement.executeQuery()) {
                    empty(rows);
                }
            });
            // It appends the columns of the answer to those of the statement, and takes that back only when a row comes.
            cases.fails("a Statement shows the columns of an empty answer twice", "an empty answer of a Statement: " + where, () -> {
                try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
                    empty(rows);
                }
            });
        }
    }

    private static void empty(ResultSet rows) throws Exception {
        Cases.that(!rows.next(), "a row");
        List<String> names = new ArrayList<>();
        for (int at = 1; at <= rows.getMetaData().getColumnCount(); at++) {
            names.add(rows.getMetaData().getColumnLabel(at));
        }
        Cases.same(new ArrayList<>(COLUMNS.keySet()), names);
    }

    /** The getters that tools use beside getObject. */
    private static void getters(Cases cases, Connection connection) {
        cases.run("getters by index and by label", () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT * FROM lab.types WHERE id = 2")) {
                Cases.that(rows.next(), "no row");
                Cases.same(2L, rows.getLong("id"));
                Cases.same(false, rows.getBoolean("a_boolean"));
                Cases.same((byte) 127, rows.getByte("an_int8"));
                Cases.same((short) 32767, rows.getShort("an_int16"));
                Cases.same(2147483647, rows.getInt("an_int32"));
                Cases.same(0.25f, rows.getFloat("a_float32"));
                Cases.same(1e300, rows.getDouble("a_float64"));
                Cases.same(new BigDecimal("12345678.90"), rows.getBigDecimal("a_decimal"));
                Cases.same("größer 😀", rows.getString("A_TEXT"));
                Cases.same("b3RoZXI=", Base64.getEncoder().encodeToString(rows.getBytes("five_bytes")));
                Cases.same(Date.valueOf("2026-11-21"), rows.getDate("a_date"));
                Cases.same("23:59:59", rows.getTime("a_time_ms").toString());
            }
        });
        cases.run("labels are those of the statement", () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT id AS \"The Id\", a_text plain FROM lab.types t WHERE t.id = 1")) {
                Cases.same("The Id", rows.getMetaData().getColumnLabel(1));
                Cases.same("plain", rows.getMetaData().getColumnLabel(2));
                Cases.that(rows.next(), "no row");
                Cases.same(1L, rows.getLong("The Id"));
                Cases.same("plain", rows.getString("plain"));
            }
        });
    }
}
