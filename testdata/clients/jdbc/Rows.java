import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Result sets as plain values; each is read to its end and closed. */
final class Rows {
    private Rows() {}

    /** Every row, by column label. */
    static List<Map<String, Object>> all(ResultSet results) throws SQLException {
        List<Map<String, Object>> rows = new ArrayList<>();
        try (results) {
            ResultSetMetaData columns = results.getMetaData();
            while (results.next()) {
                Map<String, Object> row = new LinkedHashMap<>();
                for (int at = 1; at <= columns.getColumnCount(); at++) {
                    row.put(columns.getColumnLabel(at), results.getObject(at));
                }
                rows.add(row);
            }
        }
        return rows;
    }

    /** One column as text. */
    static List<String> column(ResultSet results, String label) throws SQLException {
        return all(results).stream().map(row -> (String) row.get(label)).toList();
    }
}
