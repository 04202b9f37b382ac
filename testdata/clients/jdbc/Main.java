import java.sql.Connection;
import java.sql.DriverManager;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Runs the cases over one server: {@code java Main URL [METRICS PID CONNECTIONS]}.
 *
 * <p>With the address of the server's metrics, its process id and how many connections to open, everything; without them what depends on the machine's zone.
 */
public final class Main {
    private static final Logger QUIET = Logger.getLogger("org.apache.arrow.driver.jdbc.shaded");

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        QUIET.setLevel(Level.WARNING);
        String url = arguments[0];
        Connection connection = DriverManager.getConnection(url);
        Cases cases = new Cases(connection.getMetaData().getDriverMajorVersion());
        System.out.println("# driver " + connection.getMetaData().getDriverVersion() + ", Java " + Runtime.version());
        Times.run(cases, connection);
        if (arguments.length > 1) {
            Metadata.run(cases, connection);
            TypesOfColumns.run(cases, connection);
            Statements.run(cases, connection);
            Writes.run(cases, url);
            Lifecycle.run(cases, url, arguments[1], arguments[2], Integer.parseInt(arguments[3]));
        }
        cases.runExcept(16, "it leaks what it cannot bind", "the connection is closed", connection::close);
        System.exit(cases.sum() ? 0 : 1);
    }
}
