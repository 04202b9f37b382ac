import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Objects;

/**
 * Runs cases and counts them: one line each, {@code ok NAME} or {@code not ok NAME}, in the order in which they ran.
 *
 * <p>A fault of a driver is named with the versions that have it. With such a version the case must fail, so that the list of faults
 * cannot grow stale.
 */
final class Cases {
    /** What a case does; it fails by throwing. */
    interface Body {
        void run() throws Exception;
    }

    private final int driverMajor;
    private int passed;
    private int failed;

    Cases(int driverMajor) {
        this.driverMajor = driverMajor;
    }

    /** Runs one case. */
    void run(String name, Body body) {
        Throwable thrown = thrownBy(body);
        report(name, thrown == null, thrown);
    }

    /** The driver's major version. */
    int driverMajor() {
        return driverMajor;
    }

    /** Runs one case that drivers of the version {@code major} fail for a reason of their own. */
    void runExcept(int major, String reason, String name, Body body) {
        if (driverMajor == major) {
            fails(reason, name, body);
        } else {
            run(name, body);
        }
    }

    /** Runs one case that drivers before the version {@code major} fail for a reason of their own. */
    void runSince(int major, String reason, String name, Body body) {
        if (driverMajor < major) {
            fails(reason, name, body);
        } else {
            run(name, body);
        }
    }

    /** Runs one case that every driver so far fails for a reason of its own. */
    void fails(String reason, String name, Body body) {
        Throwable thrown = thrownBy(body);
        report(name + " (a fault of this driver: " + reason + ")", thrown != null, thrown);
    }

    private static Throwable thrownBy(Body body) {
        try {
            body.run();
            return null;
        } catch (Throwable thrown) {
            return thrown;
        }
    }

    private void report(String name, boolean good, Throwable thrown) {
        if (good) {
            passed++;
            System.out.println("ok " + name);
            return;
        }
        failed++;
        System.out.println("not ok " + name);
        if (thrown == null) {
            System.out.println("# expected to fail with this driver, and did not: take it off the list of faults");
        } else {
            StringWriter text = new StringWriter();
            thrown.printStackTrace(new PrintWriter(text));
            text.toString().lines().forEach(line -> System.out.println("# " + line));
        }
    }

    /** Prints the sum; whether all went well. */
    boolean sum() {
        System.out.println("# " + passed + " passed, " + failed + " failed");
        return failed == 0 && passed > 0;
    }

    static void same(Object expected, Object actual) {
        same(expected, actual, "");
    }

    static void same(Object expected, Object actual, String what) {
        if (!Objects.deepEquals(expected, actual)) {
            throw new AssertionError(what + ": expected " + shown(expected) + ", got " + shown(actual));
        }
    }

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** The SQLException that the body must throw, whose chain must hold every one of these texts. */
    static SQLException refused(Body body, String... texts) {
        Throwable thrown = thrownBy(body);
        if (!(thrown instanceof SQLException refusal)) {
            throw new AssertionError("expected an SQLException, got " + thrown, thrown);
        }
        String chain = chain(refusal);
        for (String text : texts) {
            that(chain.contains(text), "\"" + text + "\" is not in: " + chain);
        }
        return refusal;
    }

    private static String chain(Throwable thrown) {
        StringBuilder text = new StringBuilder();
        for (Throwable at = thrown; at != null; at = at.getCause()) {
            text.append(at.getMessage()).append('\n');
        }
        return text.toString();
    }

    private static String shown(Object value) {
        String text = value != null && value.getClass().isArray()
            ? Arrays.deepToString(new Object[] {value})
            : String.valueOf(value);
        return value == null ? "null" : text + " (" + value.getClass().getSimpleName() + ")";
    }
}
