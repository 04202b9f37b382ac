import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLFeatureNotSupportedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** {@link DatabaseMetaData}: every method by reflection, then what the answers must say. */
final class Metadata {
    private static final String SCHEMA = "commerce";
    private static final String TABLE = "orders";
    private static final Set<String> LEFT_OUT = Set.of(
        "deletesAreDetected", "insertsAreDetected", "updatesAreDetected", "othersDeletesAreVisible", "othersInsertsAreVisible",
        "othersUpdatesAreVisible", "ownDeletesAreVisible", "ownInsertsAreVisible", "ownUpdatesAreVisible", "supportsResultSetHoldability");

    private Metadata() {}

    static void run(Cases cases, Connection connection) throws Exception {
        DatabaseMetaData metadata = connection.getMetaData();
        everyMethod(cases, metadata);
        facts(cases, metadata);
        listings(cases, metadata);
        keys(cases, metadata);
    }

    /** Calls each of the interface's methods and reads each result to its end. */
    private static void everyMethod(Cases cases, DatabaseMetaData metadata) {
        Method[] methods = DatabaseMetaData.class.getDeclaredMethods();
        Arrays.sort(methods, Comparator.comparing(Method::getName).thenComparing(Method::getParameterCount));
        for (Method method : methods) {
            if (method.isSynthetic()) {
                continue;
            }
            cases.run("DatabaseMetaData." + method.getName() + "/" + method.getParameterCount(), () -> call(metadata, method));
        }
    }

    private static void call(DatabaseMetaData metadata, Method method) throws Exception {
        Object answer;
        try {
            answer = method.invoke(metadata, arguments(method));
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof SQLFeatureNotSupportedException || isLeftOutByTheDriver(method, thrown.getCause())) {
                return;
            }
            throw thrown.getCause() instanceof Exception cause ? cause : thrown;
        }
        if (answer instanceof ResultSet rows) {
            Rows.all(rows);
        } else {
            Cases.that(answer != null || method.getName().equals("getUserName"), "answers null");
        }
    }

    /** The library below the driver throws this itself for what can be seen of changes, and asks no server. */
    private static boolean isLeftOutByTheDriver(Method method, Throwable thrown) {
        return LEFT_OUT.contains(method.getName()) && "todo: implement this method".equals(thrown.getMessage());
    }

    /** Arguments that mean {@code commerce.orders} where there are names, and everything else otherwise. */
    private static Object[] arguments(Method method) {
        List<String> names = new ArrayList<>(switch (method.getName()) {
            case "getCrossReference" -> Arrays.asList(null, "identity", "customers", null, SCHEMA, TABLE);
            case "getSchemas" -> Arrays.asList(null, SCHEMA);
            default -> Arrays.asList(null, SCHEMA, TABLE, "%");
        });
        if (method.getName().equals("supportsTransactionIsolationLevel")) {
            return new Object[] {Connection.TRANSACTION_NONE};
        }
        return Arrays.stream(method.getParameterTypes()).map(type -> argument(type, names)).toArray();
    }

    private static Object argument(Class<?> type, List<String> names) {
        if (type == String.class) {
            return names.remove(0);
        }
        if (type == int.class) {
            return ResultSet.TYPE_FORWARD_ONLY;
        }
        return type == boolean.class ? Boolean.TRUE : null;
    }

    /** What tools decide by. */
    private static void facts(Cases cases, DatabaseMetaData metadata) {
        cases.run("product name", () -> Cases.same("Meshweave", metadata.getDatabaseProductName()));
        cases.run("product version", () -> Cases.that(metadata.getDatabaseProductVersion().matches("\\d+\\.\\d+\\.\\d+.*"), metadata.getDatabaseProductVersion()));
        cases.run("quotes", () -> Cases.same("\"", metadata.getIdentifierQuoteString()));
        cases.run("catalog word", () -> Cases.same("catalog", metadata.getCatalogTerm().toLowerCase()));
        cases.run("no transactions", () -> Cases.that(!metadata.supportsTransactions(), "offers transactions"));
        cases.run("group by", () -> Cases.that(metadata.supportsGroupBy(), "cannot group"));
        cases.run("outer joins", () -> Cases.that(metadata.supportsOuterJoins() && metadata.supportsFullOuterJoins(), "no outer joins"));
        cases.run("unions", () -> Cases.that(metadata.supportsUnion() && metadata.supportsUnionAll(), "no unions"));
        cases.run("subqueries", () -> Cases.that(metadata.supportsCorrelatedSubqueries() && metadata.supportsSubqueriesInExists(), "no subqueries"));
        cases.run("schemas in queries", () -> Cases.that(metadata.supportsSchemasInDataManipulation(), "no schemas"));
        cases.run("catalogs in queries", () -> Cases.that(metadata.supportsCatalogsInDataManipulation(), "no catalogs"));
        cases.run("functions are listed", () -> {
            Cases.that(metadata.getNumericFunctions().toLowerCase().contains("abs"), metadata.getNumericFunctions());
            Cases.that(metadata.getStringFunctions().toLowerCase().contains("upper"), metadata.getStringFunctions());
            Cases.that(metadata.getTimeDateFunctions().toLowerCase().contains("date_trunc"), metadata.getTimeDateFunctions());
        });
        cases.run("keywords are listed", () -> Cases.that(!metadata.getSQLKeywords().isEmpty(), "none"));
    }

    private static void listings(Cases cases, DatabaseMetaData metadata) {
        cases.run("getCatalogs gives one catalog", () -> Cases.same(List.of("mesh"), Rows.column(metadata.getCatalogs(), "TABLE_CAT")));
        cases.run("getSchemas gives the domains", () -> {
            List<String> schemas = Rows.column(metadata.getSchemas(), "TABLE_SCHEM");
            Cases.that(schemas.containsAll(List.of("commerce", "identity", "logistics", "lab", "mesh")), schemas.toString());
            Cases.same(new ArrayList<>(new TreeSet<>(schemas)), schemas, "sorted");
        });
        cases.run("getSchemas by pattern", () -> Cases.same(List.of("commerce"), Rows.column(metadata.getSchemas("mesh", "comm%"), "TABLE_SCHEM")));
        cases.run("getSchemas of another catalog", () -> Cases.same(List.of(), Rows.column(metadata.getSchemas("nowhere", null), "TABLE_SCHEM")));
        cases.run("getTableTypes", () -> {
            List<String> types = Rows.column(metadata.getTableTypes(), "TABLE_TYPE");
            Cases.that(types.containsAll(List.of("TABLE", "VIEW", "SYSTEM TABLE")), types.toString());
        });
        cases.run("getTables of a domain", () -> {
            List<String> tables = Rows.column(metadata.getTables("mesh", "commerce", "%", null), "TABLE_NAME");
            Cases.that(tables.containsAll(List.of("order_events", "orders", "orders.items", "orders@1")), tables.toString());
        });
        cases.run("getTables with an escaped pattern", () -> Cases.same(List.of("order_events"), Rows.column(metadata.getTables(null, null, "order\\_events", null), "TABLE_NAME")));
        cases.run("getTables by type", () -> {
            Set<String> schemas = new TreeSet<>(Rows.column(metadata.getTables(null, null, null, new String[] {"SYSTEM TABLE"}), "TABLE_SCHEM"));
            Cases.same(new TreeSet<>(Set.of("information_schema", "mesh")), schemas);
            Cases.same(List.of("orders"), Rows.column(metadata.getTables(null, "commerce", "orders", new String[] {"BASE TABLE"}), "TABLE_NAME"));
        });
        cases.run("getColumns in order, with what they mean", () -> {
            List<Map<String, Object>> columns = Rows.all(metadata.getColumns("mesh", "commerce", "orders", "%"));
            List<Object> names = columns.stream().map(column -> column.get("COLUMN_NAME")).toList();
            Cases.same(List.of("order_id", "customer_id", "placed_at", "status", "currency", "total", "shipping_address", "tags", "attributes", "note"), names);
            for (int at = 0; at < columns.size(); at++) {
                Cases.same(at + 1, ((Number) columns.get(at).get("ORDINAL_POSITION")).intValue(), "position");
            }
            Cases.same("NO", columns.get(0).get("IS_NULLABLE"));
            Cases.same("YES", columns.get(5).get("IS_NULLABLE"));
        });
        cases.run("getColumns by pattern", () -> Cases.same(List.of("customer_id"), Rows.column(metadata.getColumns(null, "commerce", "orders", "cust%"), "COLUMN_NAME")));
        cases.run("getColumns of everything", () -> Cases.that(Rows.all(metadata.getColumns(null, null, null, null)).size() > 200, "few columns"));
        cases.run("every listed table can be asked", () -> {
            List<Map<String, Object>> tables = Rows.all(metadata.getTables("mesh", null, "%", null));
            Cases.that(tables.size() > 20, "few tables");
            for (Map<String, Object> table : tables) {
                askWithoutRows(metadata.getConnection(), table);
            }
        });
    }

    private static void askWithoutRows(Connection connection, Map<String, Object> table) throws Exception {
        String name = '"' + (String) table.get("TABLE_SCHEM") + "\".\"" + table.get("TABLE_NAME") + '"';
        try (var statement = connection.createStatement(); var rows = statement.executeQuery("SELECT * FROM " + name + " WHERE 1 = 0")) {
            Cases.that(!rows.next(), "rows of " + name);
        } catch (Exception thrown) {
            throw new AssertionError(name, thrown);
        }
    }

    private static void keys(Cases cases, DatabaseMetaData metadata) {
        cases.run("getPrimaryKeys", () -> {
            List<Map<String, Object>> keys = Rows.all(metadata.getPrimaryKeys("mesh", "commerce", "orders.items"));
            Cases.same(List.of("order_id", "line"), keys.stream().map(key -> key.get("COLUMN_NAME")).toList());
        });
        cases.run("getImportedKeys", () -> {
            List<Map<String, Object>> keys = Rows.all(metadata.getImportedKeys("mesh", "commerce", "orders"));
            Cases.same(1, keys.size(), "keys");
            Cases.same("customers", keys.get(0).get("PKTABLE_NAME"));
            Cases.same("customer_id", keys.get(0).get("FKCOLUMN_NAME"));
        });
        cases.run("getExportedKeys", () -> Cases.that(Rows.column(metadata.getExportedKeys("mesh", "identity", "customers"), "FKTABLE_NAME").contains("orders"), "orders are not among them"));
        cases.run("getCrossReference", () -> Cases.same(List.of("customer_id"), Rows.column(metadata.getCrossReference("mesh", "identity", "customers", "mesh", "commerce", "orders"), "PKCOLUMN_NAME")));
    }
}
