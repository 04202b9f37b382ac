import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Runs the cases over a server with TLS and a file of users. The environment says where it is, whom to trust, and who logs in.
 *
 * <p>Start reading at {@link #main}.
 */
public final class Guarded {
    private static final Logger QUIET = Logger.getLogger("org.apache.arrow.driver.jdbc.shaded");
    private static final String TRUST_PASSWORD = "changed";

    private final String address = said("MESHWEAVE_GUARDED");
    private final String user = said("MESHWEAVE_USER");
    private final String password = said("MESHWEAVE_PASSWORD");
    private final Path trusted;
    private final Path other;

    private Guarded(Path folder) throws Exception {
        trusted = store(folder.resolve("trusted.p12"), said("MESHWEAVE_CA"));
        other = store(folder.resolve("other.p12"), said("MESHWEAVE_OTHER_CA"));
    }

    public static void main(String[] arguments) throws Exception {
        QUIET.setLevel(Level.OFF);
        Path folder = Files.createTempDirectory("guarded");
        Guarded guarded = new Guarded(folder);
        Cases cases = new Cases(DriverManager.getDriver("jdbc:arrow-flight-sql://x:1").getMajorVersion());
        guarded.comesIn(cases);
        guarded.works(cases);
        guarded.staysOutside(cases);
        guarded.trustsNobodyElse(cases);
        for (Path file : List.of(guarded.trusted, guarded.other, folder)) {
            Files.delete(file);
        }
        System.exit(cases.sum() ? 0 : 1);
    }

    private static String said(String name) {
        String value = System.getenv(name);
        Cases.that(value != null && !value.isEmpty(), name + " is not set");
        return value;
    }

    /** A trust store with one certificate. */
    private static Path store(Path file, String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(Path.of(certificate)); OutputStream out = Files.newOutputStream(file)) {
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(pem));
            store.store(out, TRUST_PASSWORD.toCharArray());
        }
        return file;
    }

    private static Properties with(String... words) {
        Properties properties = new Properties();
        for (int at = 0; at < words.length; at += 2) {
            properties.setProperty(words[at], words[at + 1]);
        }
        return properties;
    }

    private Properties trusting(String... words) {
        Properties properties = with(words);
        properties.setProperty("useSystemTrustStore", "false");
        properties.setProperty("trustStore", trusted.toString());
        properties.setProperty("trustStorePassword", TRUST_PASSWORD);
        return properties;
    }

    private Properties loggedIn() {
        return trusting("user", user, "password", password);
    }

    private Connection connect(Properties properties) throws SQLException {
        return DriverManager.getConnection("jdbc:arrow-flight-sql://" + address, properties);
    }

    private void answers(Properties properties) throws Exception {
        try (Connection connection = connect(properties); Statement statement = connection.createStatement()) {
            Cases.same(List.of(Map.of("n", 1L)), Rows.all(statement.executeQuery("SELECT 1 AS n")));
        }
    }

    private void comesIn(Cases cases) {
        cases.run("guarded: a user and a password, a trust store", () -> answers(loggedIn()));
        cases.run("guarded: a user and a password, a file of certificates", () ->
            answers(with("user", user, "password", password, "tlsRootCerts", said("MESHWEAVE_CA"))));
        cases.run("guarded: a user and a password, any certificate", () ->
            answers(with("user", user, "password", password, "disableCertificateVerification", "true")));
        cases.run("guarded: the token of a login, thirty connections long", () -> {
            Properties properties = trusting("token", token());
            for (int at = 0; at < 30; at++) {
                answers(properties);
            }
        });
    }

    /** A login as a program gets one that speaks HTTP only. */
    private String token() throws Exception {
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(KeyStore.getInstance(trusted.toFile(), TRUST_PASSWORD.toCharArray()));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        String basic = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://" + address + "/arrow.flight.protocol.FlightService/Handshake"))
            .header("content-type", "application/grpc").header("te", "trailers").header("authorization", "Basic " + basic)
            .POST(HttpRequest.BodyPublishers.noBody()).build();
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).sslContext(context).build();
        HttpResponse<Void> response = client.send(request, HttpResponse.BodyHandlers.discarding());
        return response.headers().firstValue("authorization").orElseThrow().replaceFirst("^Bearer ", "");
    }

    private void works(Cases cases) {
        cases.run("guarded: what a team may read is listed and read", () -> {
            try (Connection connection = connect(loggedIn()); Statement statement = connection.createStatement()) {
                List<String> tables = Rows.column(connection.getMetaData().getTables(null, "commerce", "%", null), "TABLE_NAME");
                Cases.that(tables.contains("orders"), "not listed: " + tables);
                Cases.same(1, Rows.all(statement.executeQuery("SELECT order_id FROM commerce.orders LIMIT 1")).size());
            }
        });
        cases.run("guarded: what a stranger may not read is not there", () -> {
            Properties stranger = trusting("user", said("MESHWEAVE_STRANGER"), "password", said("MESHWEAVE_STRANGERS_PASSWORD"));
            try (Connection connection = connect(stranger); Statement statement = connection.createStatement()) {
                List<String> tables = Rows.column(connection.getMetaData().getTables(null, "identity", "%", null), "TABLE_NAME");
                Cases.that(!tables.contains("login_events"), "listed: " + tables);
                Cases.refused(() -> statement.executeQuery("SELECT * FROM identity.login_events"), "login_events", "does not exist");
            }
        });
        cases.runSince(17, Statements.IGNORES_THE_HANDLE, "guarded: a prepared statement with a parameter", () -> {
            try (Connection connection = connect(loggedIn());
                PreparedStatement statement = connection.prepareStatement("SELECT r_name FROM reference.region WHERE r_regionkey = ?")) {
                statement.setLong(1, 3);
                Cases.same(List.of(Map.of("r_name", "EUROPE")), Rows.all(statement.executeQuery()));
            }
        });
        cases.run("guarded: a temporary table is its connection's own", () -> {
            try (Connection mine = connect(loggedIn()); Connection another = connect(loggedIn())) {
                try (Statement statement = mine.createStatement()) {
                    statement.executeUpdate("CREATE TABLE temp.mine AS SELECT 7 AS x");
                    Cases.same(List.of(Map.of("x", 7L)), Rows.all(statement.executeQuery("SELECT x FROM temp.mine")));
                }
                try (Statement statement = another.createStatement()) {
                    Cases.refused(() -> statement.executeQuery("SELECT x FROM temp.mine"), "does not exist");
                }
            }
        });
    }

    private void staysOutside(Cases cases) {
        Map<String, Properties> wrong = Map.of(
            "a wrong password", trusting("user", user, "password", "p:w"),
            "an unknown user", trusting("user", "nobody", "password", password),
            "no login", trusting(),
            "a token that nobody gave", trusting("token", "bm9ib2R5IGdhdmUgdGhpcw"));
        wrong.forEach((name, properties) -> cases.run("guarded: " + name + " is refused", () ->
            Cases.refused(() -> answers(properties), "not authenticated")));
    }

    private void trustsNobodyElse(Cases cases) {
        Properties others = loggedIn();
        others.setProperty("trustStore", other.toString());
        cases.run("guarded: a certificate of another authority is refused", () ->
            Cases.refused(() -> answers(others), "certif"));
        cases.run("guarded: a certificate of an authority that Java does not know is refused", () ->
            Cases.refused(() -> answers(with("user", user, "password", password)), "certif"));
        cases.run("guarded: a certificate for another name is refused", () -> {
            String url = "jdbc:arrow-flight-sql://localhost" + address.substring(address.indexOf(':'));
            Cases.refused(() -> DriverManager.getConnection(url, loggedIn()).close(), "localhost");
        });
        cases.run("guarded: a connection without encryption is refused", () -> {
            Properties plain = with("user", user, "password", password, "useEncryption", "false");
            Cases.refused(() -> answers(plain));
        });
    }
}
