import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;

/** The session: its writable schema {@code temp}, its catalog and its schema. Each case has a connection of its own. */
final class Writes {
    private final String url;
    /** Rows of a batch. */
    private final long rows;

    private Writes(String url, long rows) {
        this.url = url;
        this.rows = rows;
    }

    static void run(Cases cases, String url, long rows) {
        Writes writes = new Writes(url, rows);
        cases.run("temp: create, insert, read, drop", writes::createInsertDrop);
        cases.run("temp: executeUpdate with parameters", writes::updateWithParameters);
        cases.run("temp: executeBatch of " + rows + " rows", writes::batch);
        cases.run("temp: a table made of a query, joined with a product", writes::madeOfAQuery);
        cases.run("temp: another connection sees nothing of it", writes::isolation);
        cases.run("setCatalog", writes::catalog);
        cases.run("setCatalog of another catalog is refused", writes::otherCatalog);
        cases.run("the schema of the URL is that of one-part names", writes::schema);
    }

    private Connection connect() throws Exception {
        return DriverManager.getConnection(url);
    }

    private void createInsertDrop() throws Exception {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE temp.notes (id BIGINT, note VARCHAR)");
            Cases.same(2, statement.executeUpdate("INSERT INTO temp.notes VALUES (1, 'one'), (2, NULL)"));
            Cases.same(2, Rows.all(statement.executeQuery("SELECT * FROM temp.notes")).size());
            Cases.same(List.of("notes"), Rows.column(connection.getMetaData().getTables("mesh", "temp", "%", null), "TABLE_NAME"));
            statement.executeUpdate("DROP TABLE temp.notes");
            Cases.refused(() -> Rows.all(statement.executeQuery("SELECT * FROM temp.notes")), "notes");
        }
    }

    private void updateWithParameters() throws Exception {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE temp.values_ (n BIGINT, t VARCHAR, d DATE, x DECIMAL(10, 2))");
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO temp.values_ VALUES (?, ?, ?, ?)")) {
                insert.setLong(1, 7);
                insert.setString(2, "größer");
                insert.setDate(3, Date.valueOf("2026-11-21"));
                insert.setBigDecimal(4, new BigDecimal("1.50"));
                Cases.same(1, insert.executeUpdate());
            }
            Map<String, Object> row = Rows.all(statement.executeQuery("SELECT * FROM temp.values_")).get(0);
            Cases.same(Map.of("n", 7L, "t", "größer", "d", Date.valueOf("2026-11-21"), "x", new BigDecimal("1.50")), row);
        }
    }

    private void batch() throws Exception {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE temp.batch (n BIGINT, t VARCHAR)");
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO temp.batch VALUES (?, ?)")) {
                for (long at = 0; at < rows; at++) {
                    insert.setLong(1, at);
                    insert.setString(2, "row " + at);
                    insert.addBatch();
                }
                long total = 0;
                for (int count : insert.executeBatch()) {
                    total += count;
                }
                Cases.same(rows, total, "rows");
            }
            Cases.same(List.of(Map.of("rows", rows, "sum", rows * (rows - 1) / 2)), Rows.all(statement.executeQuery("SELECT count(*) AS rows, sum(n) AS sum FROM temp.batch")));
        }
    }

    private void madeOfAQuery() throws Exception {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE temp.wanted AS SELECT n_nationkey FROM reference.nation WHERE n_name LIKE 'G%'");
            Cases.same(List.of(Map.of("n_name", "GERMANY")), Rows.all(statement.executeQuery(
                "SELECT n_name FROM temp.wanted JOIN reference.nation USING (n_nationkey)")));
        }
    }

    private void isolation() throws Exception {
        try (Connection one = connect(); Connection other = connect(); Statement mine = one.createStatement(); Statement theirs = other.createStatement()) {
            mine.executeUpdate("CREATE TABLE temp.mine (n BIGINT)");
            Cases.refused(() -> Rows.all(theirs.executeQuery("SELECT * FROM temp.mine")), "mine");
            Cases.same(List.of(), Rows.column(other.getMetaData().getTables("mesh", "temp", "%", null), "TABLE_NAME"));
        }
    }

    private void catalog() throws Exception {
        Connection connection = DriverManager.getConnection(url + "&catalog=mesh");
        try (Statement statement = connection.createStatement()) {
            Cases.same(List.of(Map.of("n", 1L)), Rows.all(statement.executeQuery("SELECT 1 AS n")));
            connection.setCatalog("mesh");
            Cases.same("mesh", connection.getCatalog());
            Cases.same(5, Rows.all(statement.executeQuery("SELECT * FROM mesh.reference.region")).size());
        }
        try {
            connection.close();
        } catch (SQLException twice) {
            // Since it knows sessions, the driver ends one twice, the second time through a channel that it has closed.
            Cases.same("Channel shutdown invoked", twice.getMessage());
        }
    }

    private void otherCatalog() {
        Cases.refused(() -> {
            try (Connection connection = DriverManager.getConnection(url + "&catalog=elsewhere")) {
                Rows.all(connection.createStatement().executeQuery("SELECT 1"));
            }
        }, "elsewhere");
    }

    private void schema() throws Exception {
        try (Connection connection = DriverManager.getConnection(url + "&schema=reference"); Statement statement = connection.createStatement()) {
            Cases.same(5, Rows.all(statement.executeQuery("SELECT * FROM region")).size());
        }
    }
}
