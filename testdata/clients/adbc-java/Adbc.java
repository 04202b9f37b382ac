import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.arrow.adbc.core.AdbcConnection;
import org.apache.arrow.adbc.core.AdbcDatabase;
import org.apache.arrow.adbc.core.AdbcDriver;
import org.apache.arrow.adbc.core.AdbcException;
import org.apache.arrow.adbc.core.AdbcInfoCode;
import org.apache.arrow.adbc.core.AdbcStatement;
import org.apache.arrow.adbc.core.AdbcStatusCode;
import org.apache.arrow.adbc.driver.flightsql.FlightSqlConnectionProperties;
import org.apache.arrow.adbc.driver.flightsql.FlightSqlDriver;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * ADBC's driver for Java: {@code java Adbc URI} against a server that takes every login, and against one with TLS and a file of users,
 * which the environment names.
 *
 * <p>Start reading at {@link #main}.
 */
public final class Adbc {
    private static final Logger QUIET = Logger.getLogger("");

    private final BufferAllocator allocator;
    private final String uri;

    private Adbc(BufferAllocator allocator, String uri) {
        this.allocator = allocator;
        this.uri = uri;
    }

    public static void main(String[] arguments) throws Exception {
        QUIET.setLevel(Level.OFF);
        Cases cases = new Cases(0);
        try (BufferAllocator allocator = new RootAllocator()) {
            Adbc open = new Adbc(allocator, arguments[0]);
            open.statements(cases);
            open.metadata(cases);
            new Adbc(allocator, "grpc+tls://" + said("MESHWEAVE_GUARDED")).guarded(cases);
            cases.run("every buffer was given back", () -> Cases.same(0L, allocator.getAllocatedMemory()));
        }
        System.exit(cases.sum() ? 0 : 1);
    }

    private static String said(String name) {
        String value = System.getenv(name);
        Cases.that(value != null && !value.isEmpty(), name + " is not set");
        return value;
    }

    private interface Use {
        void with(AdbcConnection connection, AdbcStatement statement) throws Exception;
    }

    /** Connects with these options, by their names. */
    private void connected(Map<String, Object> options, Use use) throws Exception {
        Map<String, Object> all = new HashMap<>(options);
        AdbcDriver.PARAM_URI.set(all, uri);
        try (AdbcDatabase database = new FlightSqlDriver(allocator).open(all);
            AdbcConnection connection = database.connect();
            AdbcStatement statement = connection.createStatement()) {
            use.with(connection, statement);
        }
    }

    /** Columns, and the values of the first one. */
    private record Answer(Schema schema, List<String> values) {}

    private static Answer answer(ArrowReader reader) throws Exception {
        try (reader) {
            VectorSchemaRoot root = reader.getVectorSchemaRoot();
            List<String> values = new ArrayList<>();
            while (reader.loadNextBatch()) {
                FieldVector first = root.getVector(0);
                for (int at = 0; at < root.getRowCount(); at++) {
                    values.add(String.valueOf(first.getObject(at)));
                }
            }
            return new Answer(root.getSchema(), values);
        }
    }

    private static Answer answer(AdbcStatement statement, String sql) throws Exception {
        statement.setSqlQuery(sql);
        try (AdbcStatement.QueryResult result = statement.executeQuery()) {
            return answer(result.getReader());
        }
    }

    /** An answer as text. */
    private static String printed(ArrowReader reader) throws Exception {
        try (reader) {
            VectorSchemaRoot root = reader.getVectorSchemaRoot();
            StringBuilder text = new StringBuilder();
            while (reader.loadNextBatch()) {
                text.append(root.contentToTSVString());
            }
            return text.toString();
        }
    }

    private static void refused(AdbcStatusCode status, Cases.Body body, String text) throws Exception {
        try {
            body.run();
        } catch (AdbcException refusal) {
            Cases.same(status, refusal.getStatus(), refusal.toString());
            Cases.that(refusal.getMessage().contains(text), refusal.getMessage());
            return;
        }
        throw new AssertionError("nothing was refused");
    }

    private void statements(Cases cases) {
        cases.run("rows", () -> connected(Map.of(), (connection, statement) ->
            Cases.same(List.of("AFRICA", "AMERICA", "ASIA"), answer(statement, "SELECT r_name FROM reference.region ORDER BY 1 LIMIT 3").values())));
        cases.run("announced and sent columns of every type are the same", () -> connected(Map.of(), (connection, statement) -> {
            statement.setSqlQuery("SELECT * FROM lab.types");
            Schema announced = statement.executeSchema();
            Cases.same(announced, answer(statement, "SELECT * FROM lab.types").schema());
        }));
        // Nothing tells this driver from the JDBC driver: it gets signed numbers, and says so when it wants others.
        cases.run("the JDBC driver's types", () -> Cases.same(new ArrowType.Int(16, true), typeOf(Map.of())));
        cases.run("unsigned numbers, when they are asked for", () ->
            Cases.same(new ArrowType.Int(8, false), typeOf(Map.of(FlightSqlConnectionProperties.RPC_CALL_HEADER_PREFIX + "x-meshweave-wire", "compat"))));
        cases.run("a prepared statement with rows of parameters", () -> connected(Map.of(), this::bound));
        cases.run("a temporary table of a login", () -> connected(Map.of("username", "analyst", "password", "any"), (connection, statement) -> {
            statement.setSqlQuery("CREATE TABLE temp.mine AS SELECT 7 AS x");
            statement.executeUpdate();
            Cases.same(List.of("7"), answer(statement, "SELECT x FROM temp.mine").values());
        }));
        cases.run("a product that is not there", () -> connected(Map.of(), (connection, statement) ->
            refused(AdbcStatusCode.NOT_FOUND, () -> answer(statement, "SELECT * FROM commerce.oders"), "does not exist")));
    }

    private ArrowType typeOf(Map<String, Object> options) throws Exception {
        List<ArrowType> types = new ArrayList<>();
        connected(options, (connection, statement) ->
            types.add(answer(statement, "SELECT a_uint8 FROM lab.types").schema().getFields().get(0).getType()));
        return types.get(0);
    }

    private void bound(AdbcConnection connection, AdbcStatement statement) throws Exception {
        statement.setSqlQuery("SELECT r_name FROM reference.region WHERE r_regionkey = ?");
        statement.prepare();
        try (BigIntVector keys = new BigIntVector("k", allocator)) {
            keys.allocateNew(2);
            keys.set(0, 3);
            keys.set(1, 1);
            keys.setValueCount(2);
            try (VectorSchemaRoot rows = VectorSchemaRoot.of(keys)) {
                statement.bind(rows);
                try (AdbcStatement.QueryResult result = statement.executeQuery()) {
                    Cases.same(List.of("EUROPE", "AMERICA"), answer(result.getReader()).values());
                }
            }
        }
    }

    private void metadata(Cases cases) {
        cases.run("getInfo, of the driver", () -> told("ADBC Flight SQL Driver", AdbcInfoCode.DRIVER_NAME));
        cases.fails("it drops what the server says", "getInfo, of the server", () -> told("Meshweave", AdbcInfoCode.VENDOR_NAME));
        cases.run("getObjects, to the tables", () -> listed(AdbcConnection.GetObjectsDepth.TABLES));
        cases.fails("it cannot pass columns on", "getObjects, to the columns", () -> listed(AdbcConnection.GetObjectsDepth.ALL));
        cases.fails("it has none", "getTableSchema", () -> connected(Map.of(), (connection, statement) ->
            Cases.same(36, connection.getTableSchema("mesh", "lab", "types").getFields().size())));
        cases.fails("it has none", "getTableTypes", () -> connected(Map.of(), (connection, statement) ->
            Cases.that(answer(connection.getTableTypes()).values().containsAll(List.of("TABLE", "VIEW")), "types of tables")));
    }

    private void told(String expected, AdbcInfoCode code) throws Exception {
        connected(Map.of(), (connection, statement) -> {
            String told = printed(connection.getInfo(new AdbcInfoCode[] {code}));
            Cases.that(told.contains(expected), told);
        });
    }

    private void listed(AdbcConnection.GetObjectsDepth depth) throws Exception {
        connected(Map.of(), (connection, statement) -> {
            String found = printed(connection.getObjects(depth, "mesh", "commerce", "%", null, "%"));
            Cases.that(found.contains("order_events") && found.contains("orders.items"), found);
        });
    }

    private void guarded(Cases cases) {
        String user = said("MESHWEAVE_USER");
        String password = said("MESHWEAVE_PASSWORD");
        Use reads = (connection, statement) ->
            Cases.same(1, answer(statement, "SELECT order_id FROM commerce.orders LIMIT 1").values().size());
        cases.run("guarded: a user and a password, a certificate", () -> trusting("MESHWEAVE_CA", user, password, reads));
        cases.run("guarded: any certificate", () -> connected(Map.of("username", user, "password", password,
            FlightSqlConnectionProperties.TLS_SKIP_VERIFY.getKey(), true), reads));
        cases.run("guarded: a wrong password is refused", () -> refused(AdbcStatusCode.UNAUTHENTICATED,
            () -> trusting("MESHWEAVE_CA", user, "p:w", reads), "not authenticated"));
        cases.run("guarded: what a stranger may not read is not there", () -> refused(AdbcStatusCode.NOT_FOUND,
            () -> trusting("MESHWEAVE_CA", said("MESHWEAVE_STRANGER"), said("MESHWEAVE_STRANGERS_PASSWORD"),
                (connection, statement) -> answer(statement, "SELECT * FROM identity.login_events")), "does not exist"));
        cases.run("guarded: a certificate of another authority is refused", () -> refused(AdbcStatusCode.IO,
            () -> trusting("MESHWEAVE_OTHER_CA", user, password, reads), ""));
    }

    private void trusting(String authority, String user, String password, Use use) throws Exception {
        try (InputStream pem = Files.newInputStream(Path.of(said(authority)))) {
            connected(Map.of("username", user, "password", password, FlightSqlConnectionProperties.TLS_ROOT_CERTS.getKey(), pem), use);
        }
    }
}
