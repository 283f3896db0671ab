import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.Properties;

/**
 * The statements of a JDBC sink of Kafka Connect, as Debezium's has them: the table from the first record, upserts
 * in batches, a column that comes later, deletes by key. Arguments: URL user.
 */
public class SinkPgjdbc {
    static final String CREATE =
        "CREATE TABLE \"public\".\"orders\" (\"id\" integer NOT NULL, \"doc\" json NULL, \"tags\" jsonb NULL, "
            + "\"at\" timestamp(6) NULL, \"amount\" decimal(12,2) NULL, \"yes\" boolean NULL, \"raw\" bytea NULL, "
            + "PRIMARY KEY(\"id\"))";

    static final String UPSERT =
        "INSERT INTO \"public\".\"orders\" (\"id\",\"doc\",\"tags\",\"at\",\"amount\",\"yes\",\"raw\") VALUES "
            + "(?,cast(? as json),cast(? as jsonb),?,?,?,?) ON CONFLICT (\"id\") DO UPDATE SET "
            + "\"doc\"=EXCLUDED.\"doc\",\"tags\"=EXCLUDED.\"tags\",\"at\"=EXCLUDED.\"at\","
            + "\"amount\"=EXCLUDED.\"amount\",\"yes\"=EXCLUDED.\"yes\",\"raw\"=EXCLUDED.\"raw\"";

    static final int RECORDS = 500;

    static void upsert(Connection connection, int round) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(UPSERT)) {
            for (int id = 0; id < RECORDS; id++) {
                statement.setInt(1, id);
                statement.setString(2, id % 7 == 0 ? null : "{\"round\": " + round + "}");
                statement.setString(3, "[" + id + "]");
                statement.setTimestamp(4, Timestamp.valueOf("2024-02-29 01:02:03.123456"));
                statement.setBigDecimal(5, new java.math.BigDecimal(id).movePointLeft(2));
                statement.setBoolean(6, id % 2 == 0);
                statement.setBytes(7, new byte[] {0, (byte) id, -1});
                statement.addBatch();
            }
            statement.executeBatch();
        }
        connection.commit();
    }

    public static void main(String[] args) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", args[1]);
        try (Connection connection = DriverManager.getConnection(args[0], properties)) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate(CREATE);
                upsert(connection, 1);
                statement.executeUpdate("ALTER TABLE \"public\".\"orders\" ADD \"note\" text NULL");
            }
            upsert(connection, 2);
            String delete = "DELETE FROM \"public\".\"orders\" WHERE \"id\"=?";
            try (PreparedStatement statement = connection.prepareStatement(delete)) {
                statement.setInt(1, 3);
                System.out.println("deleted: " + statement.executeUpdate());
            }
            connection.commit();
        }
    }
}
