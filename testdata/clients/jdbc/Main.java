import java.sql.Connection;
import java.sql.DriverManager;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Runs the cases over one server: {@code java Main URL [METRICS PID whole|tenth]}.
 *
 * <p>With the address of the server's metrics, its process id and how often to do what is done many times, everything; without them what
 * depends on the machine's zone.
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
            int part = arguments[3].equals("whole") ? 1 : 10;
            Writes.run(cases, url, 1000 / part);
            Lifecycle.run(cases, url, arguments[1], arguments[2], part);
        }
        cases.runExcept(16, "it leaks what it cannot bind", "the connection is closed", connection::close);
        System.exit(cases.sum() ? 0 : 1);
    }
}
