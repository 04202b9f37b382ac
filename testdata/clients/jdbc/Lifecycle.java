import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Connections and statements that begin, are cancelled and end; what the server still holds is read from its metrics.
 *
 * <p>No case measures a time: a clock only guards against hanging.
 */
final class Lifecycle {
    /** More rows than anybody reads. */
    private static final String ENDLESS = "SELECT a.l_orderkey, b.l_comment FROM sales.lineitem a CROSS JOIN sales.lineitem b";
    /** No row for longer than anybody waits. */
    private static final String SILENT = "SELECT sum(a.l_quantity * b.l_quantity + c.l_quantity) FROM sales.lineitem a CROSS JOIN sales.lineitem b CROSS JOIN sales.lineitem c";
    /** A guard against hanging, seconds. */
    private static final int PATIENCE = 120;
    /** Seconds in which a server hears that a result set is closed, on a busy machine too. */
    private static final int HEARD = 20;

    private final String url;
    /** How many connections are opened and closed, one after the other. */
    private final int connections;
    /** How many statements are run, one after the other. */
    private final int statements;
    private final URI metrics;
    /** Where Linux tells what a process holds. */
    private final Path status;
    private final HttpClient http = HttpClient.newHttpClient();

    /** Calls that the driver has left open on the server, and will not end before this process does. */
    private double forgotten;

    private Lifecycle(String url, String metrics, String pid, int part) {
        this.url = url;
        this.connections = 1000 / part;
        this.statements = 200 / part;
        this.metrics = URI.create(metrics);
        this.status = Path.of("/proc", pid, "status");
    }

    /** With {@code part} 10, what is done many times is done a tenth as often. */
    static void run(Cases cases, String url, String metrics, String pid, int part) {
        Lifecycle life = new Lifecycle(url, metrics, pid, part);
        for (String login : List.of("user=analyst&password=any", "token=anything")) {
            cases.run("connects with " + login, () -> life.connectWith(login));
        }
        cases.run("cancel from another thread, while rows come", life::cancelReading);
        cases.run("cancel from another thread, before a row comes", life::cancelWaiting);
        cases.run("closing a result set stops the statement", life::closeEarly);
        cases.run(life.statements + " statements leave nothing behind", life::manyStatements);
        cases.run(life.connections + " connections leave nothing behind", life::manyConnections);
        cases.run("setQueryTimeout", life::timeout);
    }

    private Connection connect() throws Exception {
        return DriverManager.getConnection(url);
    }

    /** Without an authenticator every login is taken, and the handshake is answered all the same. */
    private void connectWith(String login) throws Exception {
        try (Connection connection = DriverManager.getConnection(url + "&" + login); Statement statement = connection.createStatement()) {
            Cases.same(List.of(Map.of("n", 1L)), Rows.all(statement.executeQuery("SELECT 1 AS n")));
        }
    }

    private interface Use {
        void with(Connection connection, Statement statement) throws Exception;
    }

    /** Uses a connection on which something is cancelled: the driver may lose track of its buffers then, and say so when it closes. */
    private void cancelling(Use use) throws Exception {
        Connection connection = connect();
        try {
            use.with(connection, connection.createStatement());
        } finally {
            try {
                connection.close();
            } catch (SQLException leaked) {
                Cases.that(String.valueOf(leaked.getCause()).contains("clean up") || leaked.getMessage().contains("clean up"), leaked.toString());
            }
        }
    }

    private interface Attempt {
        /** Whether the server has heard of it. */
        boolean make() throws Exception;
    }

    /**
     * Tries until the server has heard of it. Now and then (once in some dozens of runs) the call stays open on the driver's side when its
     * result set is closed, or is cancelled while rows are on their way: the server hears nothing, its own limit ends the statement, and
     * the stream stays open with nobody to read it. A server that did not listen would be caught every time.
     */
    private void heard(Attempt attempt) throws Exception {
        for (int tried = 0; tried < 3; tried++) {
            if (attempt.make()) {
                return;
            }
            wait(() -> running() == 0);
            forgotten = streams();
        }
        throw new AssertionError("the server does not hear that the rows are wanted no more");
    }

    private void cancelReading() throws Exception {
        heard(() -> {
            cancelWhileReading();
            return comesTrue(this::isSettled, HEARD);
        });
    }

    private void cancelWhileReading() throws Exception {
        cancelling((connection, statement) -> {
            ResultSet rows = statement.executeQuery(ENDLESS);
            Cases.that(rows.next(), "no row");
            CompletableFuture<Void> cancelled = CompletableFuture.runAsync(() -> cancel(statement));
            boolean ended = false;
            try {
                while (rows.next()) {
                    // What was on its way is still read.
                }
            } catch (Exception expected) {
                ended = true;
            }
            cancelled.get(PATIENCE, TimeUnit.SECONDS);
            Cases.that(ended, "the rows ended as if they were all");
        });
    }

    private void cancelWaiting() throws Exception {
        cancelling((connection, statement) -> {
            CompletableFuture<Throwable> asked = CompletableFuture.supplyAsync(() -> {
                try {
                    statement.executeQuery(SILENT).next();
                    return null;
                } catch (Throwable thrown) {
                    return thrown;
                }
            });
            while (running() == 0 && !asked.isDone()) {
                Thread.onSpinWait();
            }
            // The driver hears a cancel only once it waits for rows; until then it is told again.
            for (int told = 0; told < PATIENCE * 5 && !asked.isDone(); told++) {
                cancel(statement);
                Thread.sleep(200);
            }
            Cases.that(asked.get(PATIENCE, TimeUnit.SECONDS) != null, "it gave an answer");
        });
        settled();
    }

    private static void cancel(Statement statement) {
        try {
            statement.cancel();
        } catch (Exception ignored) {
            // It may have ended by itself.
        }
    }

    private void closeEarly() throws Exception {
        heard(() -> {
            try (Connection connection = connect(); Statement statement = connection.createStatement()) {
                try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                    Cases.that(rows.next(), "no row");
                }
                boolean isHeard = comesTrue(this::isSettled, HEARD);
                if (isHeard) {
                    Cases.same(List.of(Map.of("n", 1L)), Rows.all(statement.executeQuery("SELECT 1 AS n")));
                }
                return isHeard;
            }
        });
    }

    /** The driver stops waiting and tells nobody: the call ends with this process, or by the server's own limit. So this comes last. */
    private void timeout() throws Exception {
        Statement statement = connect().createStatement();
        statement.setQueryTimeout(1);
        Cases.same(1, statement.getQueryTimeout());
        boolean ended = false;
        try {
            statement.executeQuery(SILENT).next();
        } catch (Exception expected) {
            ended = true;
        }
        Cases.that(ended, "it gave an answer");
    }

    private void manyStatements() throws Exception {
        try (Connection connection = connect()) {
            for (int at = 0; at < statements; at++) {
                try (Statement statement = connection.createStatement()) {
                    Cases.same(5, Rows.all(statement.executeQuery("SELECT r_name FROM reference.region")).size());
                }
            }
        }
        settled();
    }

    /** The number of open connections is what it was, and memory does not grow with their number. */
    private void manyConnections() throws Exception {
        double before = metric("meshweave_flight_connections");
        open(50);
        double first = resident();
        open(connections);
        settled();
        wait(() -> metric("meshweave_flight_connections") <= before);
        double grown = resident() - first;
        Cases.that(grown < 100.0 * (1 << 20), "the server grew by " + (long) grown + " bytes");
    }

    private void open(int count) throws Exception {
        for (int at = 0; at < count; at++) {
            try (Connection connection = connect()) {
                Cases.that(connection.isValid(PATIENCE), "not valid");
            }
        }
    }

    /** Waits until the server runs nothing, and sends nothing but what the driver has forgotten. */
    private void settled() throws Exception {
        wait(this::isSettled);
    }

    private boolean isSettled() throws IOException, InterruptedException {
        return running() == 0 && streams() <= forgotten;
    }

    private double streams() throws IOException, InterruptedException {
        return metric("meshweave_flight_streams");
    }

    private double running() throws IOException, InterruptedException {
        return metric("meshweave_queries_running");
    }

    /** Memory of the server, bytes. */
    private double resident() throws IOException {
        String line = Files.readAllLines(status).stream().filter(one -> one.startsWith("VmRSS:")).findFirst().orElseThrow();
        return Double.parseDouble(line.replaceAll("[^0-9]", "")) * 1024;
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void wait(Condition condition) throws Exception {
        if (!comesTrue(condition, PATIENCE)) {
            throw new AssertionError("the server never came to rest");
        }
    }

    /** Whether it holds within so many seconds. */
    private static boolean comesTrue(Condition condition, int seconds) throws Exception {
        for (int tried = 0; tried < seconds * 10; tried++) {
            if (condition.holds()) {
                return true;
            }
            Thread.sleep(100);
        }
        return false;
    }

    /** The sum of a metric's values; zero when there is none yet. */
    private double metric(String name) throws IOException, InterruptedException {
        String text = http.send(HttpRequest.newBuilder(metrics).build(), HttpResponse.BodyHandlers.ofString()).body();
        Cases.that(text.contains("# TYPE " + name + " "), "no metric " + name);
        return text.lines()
            .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{"))
            .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
            .sum();
    }
}
