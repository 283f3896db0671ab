import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Reads the console with pgjdbc: each of its modes of query, statements that the server prepares, and rows that are
 * fetched a few at a time. Prints what it has read. Arguments: host port user database.
 */
public class ConsolePgjdbc {
    static void read(Connection connection, String mode) throws SQLException {
        for (int round = 0; round < 7; round++) {
            try (var statement = connection.prepareStatement("SHOW TABLES LIKE 'shown'");
                    ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    rows.getDouble("rows_per_second");
                    System.out.println("table " + rows.getString("schema") + " " + rows.getString("table") + " "
                            + rows.getLong("insert_rows"));
                    System.out.println("seen " + (rows.getTimestamp("last_activity").getTime() > 1_000_000_000_000L));
                }
            }
        }
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(3);
            int count = 0;
            try (ResultSet rows = statement.executeQuery("SHOW HELP")) {
                while (rows.next()) {
                    count++;
                }
            }
            statement.setFetchSize(0);
            statement.setMaxRows(2);
            int few = 0;
            try (ResultSet rows = statement.executeQuery("SHOW HELP")) {
                while (rows.next()) {
                    few++;
                }
            }
            System.out.println("fetched " + mode + " " + (count > 20) + " " + few);
        }
        connection.commit();
        connection.setAutoCommit(true);
        System.out.println("valid " + connection.isValid(5));
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT 2");
        } catch (SQLException error) {
            System.out.println("refused " + error.getSQLState());
        }
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/" + args[3] + "?user=" + args[2];
        for (String mode : new String[] {"extended", "extendedForPrepared", "extendedCacheEverything", "simple"}) {
            try (Connection connection = DriverManager.getConnection(url + "&preferQueryMode=" + mode)) {
                read(connection, mode);
            }
        }
    }
}
