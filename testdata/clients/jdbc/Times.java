import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.TimeZone;

/**
 * Instants stay instants.
 *
 * <p>{@code getTimestamp} and {@code setTimestamp} of every driver so far shift by the zone of the Java machine, so they are right in a
 * machine that runs in UTC only; {@code getObject} with a class of {@code java.time} is right in every zone since version 18.
 */
final class Times {
    private static final String ZONED = "SELECT arrow_cast('%s', 'Timestamp(Microsecond, Some(\"UTC\"))') AS t";
    private static final List<Instant> INSTANTS = List.of(
        Instant.parse("1969-07-20T20:17:40.123456Z"), Instant.parse("2000-02-29T23:59:59.999Z"),
        Instant.parse("2026-03-08T07:30:00Z"), Instant.parse("2026-11-01T06:30:00Z"));

    /** In two rows of {@code lab.types}. */
    private static final List<Instant> STORED = List.of(Instant.parse("1969-07-20T20:17:40.123Z"), Instant.parse("2026-11-21T23:59:59.999Z"));

    private Times() {}

    static void run(Cases cases, Connection connection) {
        String zone = TimeZone.getDefault().getID();
        boolean isUtc = zone.equals("UTC");
        for (Instant instant : INSTANTS) {
            String name = "in " + zone + ": " + instant;
            cases.runSince(18, "no java.time", "getObject(Instant) " + name, () -> read(connection, instant, rows -> rows.getObject(1, Instant.class)));
            cases.runSince(18, "no java.time", "getObject(OffsetDateTime) " + name, () -> read(connection, instant, rows -> rows.getObject(1, OffsetDateTime.class).toInstant()));
            Cases.Body body = () -> read(connection, instant, rows -> rows.getTimestamp(1).toInstant());
            if (isUtc) {
                cases.run("getTimestamp " + name, body);
            } else {
                cases.fails("getTimestamp shifts by the zone", "getTimestamp " + name, body);
            }
            cases.run("getString " + name, () -> Cases.same(true, string(connection, instant).startsWith(instant.toString().substring(0, 10))));
        }
        boundInstants(cases, connection, zone, isUtc);
    }

    private static void boundInstants(Cases cases, Connection connection, String zone, boolean isUtc) {
        for (Instant stored : STORED) {
            String name = "setTimestamp in " + zone + ": " + stored;
            if (isUtc) {
                cases.runSince(17, Statements.IGNORES_THE_HANDLE, name, () -> bound(connection, stored));
            } else {
                cases.fails("setTimestamp shifts by the zone", name, () -> bound(connection, stored));
            }
        }
    }

    private interface Getter {
        Instant get(ResultSet rows) throws Exception;
    }

    private static void read(Connection connection, Instant expected, Getter getter) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(String.format(ZONED, expected))) {
            Cases.that(rows.next(), "no row");
            Cases.same(expected, getter.get(rows));
        }
    }

    private static String string(Connection connection, Instant expected) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(String.format(ZONED, expected))) {
            Cases.that(rows.next(), "no row");
            return rows.getString(1);
        }
    }

    /** The row that holds exactly this instant is found by it. */
    private static void bound(Connection connection, Instant stored) throws Exception {
        try (PreparedStatement statement = connection.prepareStatement("SELECT id FROM lab.types WHERE an_instant_ms = ?")) {
            statement.setTimestamp(1, Timestamp.from(stored));
            Cases.same(1, Rows.all(statement.executeQuery()).size(), "rows that hold it");
        }
    }
}
