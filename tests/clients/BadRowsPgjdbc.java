import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;

/**
 * Loads in which each tenth row is too long, with pgjdbc: batches with and without reWriteBatchedInserts, in and outside of
 * transactions, and CopyManager. Prints what each load was told. Arguments: host port user database.
 */
public class BadRowsPgjdbc {
    static String value(int n) {
        return n % 10 == 7 ? "too long" : "v";
    }

    static void batch(String[] args, boolean rewrites, boolean commits) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", args[2]);
        properties.setProperty("reWriteBatchedInserts", String.valueOf(rewrites));
        String url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/" + args[3];
        String table = (rewrites ? "rewritten" : "plain") + (commits ? "_alone" : "_within");
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            connection.setAutoCommit(commits);
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE " + table + " (id int PRIMARY KEY, v varchar(5))");
                statement.execute("CREATE TABLE copied_" + table + " (id int PRIMARY KEY, v varchar(5))");
            }
            try (PreparedStatement insert =
                    connection.prepareStatement("INSERT INTO " + table + " (id, v) VALUES (?, ?)")) {
                for (int n = 0; n < 1000; n++) {
                    insert.setInt(1, n);
                    insert.setString(2, value(n));
                    insert.addBatch();
                }
                int sum = 0;
                for (int count : insert.executeBatch()) {
                    sum += count;
                }
                // Of a rewritten batch the driver says for each row what its statement did.
                System.out.println(table + (rewrites ? "" : " " + sum));
            }
            StringBuilder rows = new StringBuilder();
            for (int n = 0; n < 1000; n++) {
                rows.append(n).append('\t').append(value(n)).append('\n');
            }
            long count = connection.unwrap(PGConnection.class).getCopyAPI()
                    .copyIn("COPY copied_" + table + " FROM STDIN", new StringReader(rows.toString()));
            System.out.println("copied_" + table + " " + count);
            if (!commits) {
                connection.commit();
            }
        }
    }

    public static void main(String[] args) throws Exception {
        for (boolean rewrites : new boolean[] {false, true}) {
            batch(args, rewrites, true);
            batch(args, rewrites, false);
        }
    }
}
