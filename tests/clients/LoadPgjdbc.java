import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.Arrays;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;

/**
 * A fixed load with pgjdbc: simple and server-prepared statements, batches with and without
 * reWriteBatchedInserts, CopyManager, cursors, errors. Arguments: host port user database.
 */
public class LoadPgjdbc {
    static void show(String label, Object value) {
        System.out.println(label + ": " + value);
    }

    static String text(ResultSet rows) throws SQLException {
        StringBuilder text = new StringBuilder();
        int columns = rows.getMetaData().getColumnCount();
        while (rows.next()) {
            for (int column = 1; column <= columns; column++) {
                text.append(column == 1 ? "[" : ", ").append(cell(rows.getObject(column)));
            }
            text.append("]");
        }
        return text.toString();
    }

    static String cell(Object value) {
        return value instanceof byte[] ? Arrays.toString((byte[]) value) : String.valueOf(value);
    }

    static Connection connect(String[] args, String... options) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", args[2]);
        for (int i = 0; i < options.length; i += 2) {
            properties.setProperty(options[i], options[i + 1]);
        }
        String url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/" + args[3];
        return DriverManager.getConnection(url, properties);
    }

    static void error(String label, SQLException error) {
        int position = 0;
        if (error instanceof PSQLException && ((PSQLException) error).getServerErrorMessage() != null) {
            position = ((PSQLException) error).getServerErrorMessage().getPosition();
        }
        show(label, error.getSQLState() + " " + error.getMessage().replace("\n", " / ") + " @" + position);
    }

    public static void main(String[] args) throws Exception {
        for (String mode : new String[] {"simple", "extended", "extendedForPrepared", "extendedCacheEverything"}) {
            for (String rewrite : new String[] {"false", "true"}) {
                load(args, mode, rewrite);
            }
        }
    }

    static void load(String[] args, String mode, String rewrite) throws Exception {
        show("== preferQueryMode", mode + ", reWriteBatchedInserts " + rewrite);
        try (Connection connection = connect(args, "preferQueryMode", mode,
                "reWriteBatchedInserts", rewrite, "prepareThreshold", "2")) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("DROP TABLE IF EXISTS load");
                show("warning", statement.getWarnings());
                show("create", statement.executeUpdate(
                        "CREATE TABLE load (n int, t text, d numeric(12,2), w timestamp, b bytea, f float8)"));
            }
            String insert = "INSERT INTO load (n, t, d, w, b, f) VALUES (?, ?, ?, ?, ?, ?)";
            try (PreparedStatement prepared = connection.prepareStatement(insert)) {
                for (int n = 0; n < 6; n++) {
                    bind(prepared, n, mode);
                    show("server-prepared", prepared.executeUpdate());
                }
                for (int n = 100; n < 400; n++) {
                    bind(prepared, n, mode);
                    prepared.addBatch();
                }
                int[] counts = prepared.executeBatch();
                show("batch", counts.length + " " + Arrays.stream(counts).distinct().boxed().toList());
            }
            try (PreparedStatement query = connection.prepareStatement("SELECT * FROM load WHERE n < ? ORDER BY n")) {
                for (int times = 0; times < 4; times++) {
                    query.setInt(1, 3);
                    show("rows", text(query.executeQuery()));
                }
            }
            copy(connection);
            errors(connection);
        }
    }

    static void bind(PreparedStatement prepared, int n, String mode) throws SQLException {
        prepared.setInt(1, n);
        prepared.setString(2, "é ☃ \\ ' " + n);
        prepared.setBigDecimal(3, new BigDecimal(n).movePointLeft(2));
        prepared.setTimestamp(4, Timestamp.valueOf("2024-02-29 23:59:59.123456"));
        // In simple mode this driver cannot write bytea.
        prepared.setBytes(5, mode.equals("simple") || n % 5 == 0 ? null : new byte[] {0, (byte) n, '\\'});
        prepared.setDouble(6, n / 4.0);
    }

    static void copy(Connection connection) throws Exception {
        CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder rows = new StringBuilder();
        for (int n = 1000; n < 3000; n++) {
            rows.append(n).append("\ttab \\t newline \\n ").append(n).append("\t1.5\t\\N\t\\\\x00ff\t-1\n");
        }
        show("copy in", manager.copyIn("COPY load FROM STDIN", new StringReader(rows.toString())));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        show("copy out", manager.copyOut("COPY (SELECT * FROM load ORDER BY n DESC LIMIT 2) TO STDOUT CSV HEADER", out));
        show("copied", out.toString(StandardCharsets.UTF_8).replace("\n", " / "));
        try {
            manager.copyIn("COPY load FROM STDIN", new StringReader("1\tx\nbroken\n"));
        } catch (SQLException error) {
            error("copy error", error);
        }
    }

    static void errors(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(10);
            ResultSet rows = statement.executeQuery("SELECT sum(n), count(*), md5(string_agg(t, ',' ORDER BY n)) FROM load");
            show("sums", text(rows));
            int seen = 0;
            for (ResultSet all = statement.executeQuery("SELECT n FROM load"); all.next(); seen++) {
            }
            show("cursor", seen);
            Savepoint savepoint = connection.setSavepoint("before");
            try {
                statement.execute("SELECT nothing FROM load");
            } catch (SQLException error) {
                error("error", error);
            }
            connection.rollback(savepoint);
        }
        try (PreparedStatement batch = connection.prepareStatement("INSERT INTO load (n, d) VALUES (?, ?)")) {
            for (int n = 0; n < 5; n++) {
                batch.setInt(1, n);
                batch.setBigDecimal(2, new BigDecimal(n == 3 ? "99999999999" : "1"));
                batch.addBatch();
            }
            batch.executeBatch();
        } catch (BatchUpdateException error) {
            show("batch error", error.getSQLState() + " " + error.getUpdateCounts().length);
        }
        connection.rollback();
        connection.setAutoCommit(true);
    }
}
