import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * How long the row of a statement takes through JDBC.
 *
 * <p>{@code java -cp DRIVER.jar FirstRow.java URL STATEMENT TIMES} prints one line of JSON: milliseconds of each statement, by
 * way of asking. <em>Statement</em> is a new one each time, <em>prepared</em> one that is run again.
 */
public final class FirstRow {
    private FirstRow() {}

    private interface Ask {
        ResultSet rows() throws SQLException;
    }

    public static void main(String[] words) throws SQLException {
        String sql = words[1];
        int count = Integer.parseInt(words[2]);
        List<String> fresh;
        List<String> prepared;
        try (Connection connection = DriverManager.getConnection(words[0])) {
            fresh = times(count, () -> {
                Statement statement = connection.createStatement();
                statement.closeOnCompletion();
                return statement.executeQuery(sql);
            });
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                prepared = times(count, statement::executeQuery);
            }
        }
        System.out.println("{\"milliseconds\": {\"statement\": " + fresh + ", \"prepared\": " + prepared + "}}");
    }

    /** Milliseconds of each, after some that warm the virtual machine up. */
    private static List<String> times(int count, Ask ask) throws SQLException {
        List<String> times = new ArrayList<>();
        int warm = Math.max(1, count / 2);
        for (int turn = 0; turn < warm + count; turn++) {
            long began = System.nanoTime();
            try (ResultSet rows = ask.rows()) {
                if (!rows.next() || rows.getLong(1) != 1) {
                    throw new IllegalStateException("the row is another one");
                }
                long took = System.nanoTime() - began;
                if (turn >= warm) {
                    times.add(Double.toString(took / 1e6));
                }
            }
        }
        return times;
    }
}
