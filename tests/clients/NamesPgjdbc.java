import java.math.BigDecimal;
import java.sql.*;
import java.util.function.UnaryOperator;

/** Batches of pgjdbc under names in upper case, or under the lower-case ones that rules make of them. */
public class NamesPgjdbc {
    public static void main(String[] arguments) throws Exception {
        boolean isSource = arguments[4].equals("source");
        String schema = isSource ? "HR" : "people";
        UnaryOperator<String> name = spelled -> isSource ? spelled : spelled.toLowerCase();
        UnaryOperator<String> quoted = spelled -> '"' + name.apply(spelled) + '"';
        String url = "jdbc:postgresql://" + arguments[0] + ":" + arguments[1] + "/" + arguments[3]
            + "?user=" + arguments[2] + "&reWriteBatchedInserts=" + arguments[5];
        try (Connection connection = DriverManager.getConnection(url)) {
            connection.setAutoCommit(false);
            Statement statement = connection.createStatement();
            statement.execute("CREATE SCHEMA \"" + schema + '"');
            String table = '"' + schema + "\"." + quoted.apply("ORDERS");
            statement.execute("CREATE TABLE " + table + " (" + quoted.apply("ID") + " bigint PRIMARY KEY, "
                + quoted.apply("CUST") + " varchar(40), " + quoted.apply("AT") + " timestamp, "
                + quoted.apply("AMT") + " numeric(12,2))");
            String insert = "INSERT INTO " + table + " (" + quoted.apply("ID") + ", " + quoted.apply("CUST")
                + ", " + quoted.apply("AT") + ", " + quoted.apply("AMT") + ") VALUES (?, ?, ?, ?)";
            try (PreparedStatement prepared = connection.prepareStatement(insert)) {
                for (int row = 0; row < 1000; row++) {
                    prepared.setLong(1, row);
                    prepared.setString(2, "c" + row);
                    prepared.setTimestamp(3, new Timestamp(1700000000000L + row));
                    prepared.setBigDecimal(4, new BigDecimal("12.50"));
                    prepared.addBatch();
                    if (row % 100 == 99) {
                        prepared.executeBatch();
                    }
                }
            }
            String update = "UPDATE " + table + " SET " + quoted.apply("CUST") + " = ? WHERE " + quoted.apply("ID") + " = ?";
            try (PreparedStatement prepared = connection.prepareStatement(update)) {
                for (int row = 0; row < 20; row++) {
                    prepared.setString(1, "x");
                    prepared.setLong(2, row);
                    prepared.addBatch();
                }
                prepared.executeBatch();
            }
            connection.commit();
            DatabaseMetaData catalogs = connection.getMetaData();
            ResultSet rows = catalogs.getColumns(null, schema, name.apply("ORDERS"), null);
            while (rows.next()) {
                System.out.println((rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME")).toLowerCase());
            }
            rows = catalogs.getPrimaryKeys(null, schema, name.apply("ORDERS"));
            while (rows.next()) {
                System.out.println("key " + rows.getString("COLUMN_NAME").toLowerCase());
            }
            rows = catalogs.getTables(null, schema, name.apply("ORDERS"), new String[] {"TABLE"});
            System.out.println("table " + rows.next());
            rows = statement.executeQuery("SELECT count(*), sum(" + quoted.apply("AMT") + "), max("
                + quoted.apply("CUST") + "), min(" + quoted.apply("CUST") + ") FROM " + table);
            rows.next();
            for (int column = 1; column <= 4; column++) {
                System.out.println(rows.getString(column));
            }
            Statement updatable = connection.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
            rows = updatable.executeQuery("SELECT " + quoted.apply("ID") + ", " + quoted.apply("CUST") + " FROM "
                + table + " WHERE " + quoted.apply("ID") + " = 5");
            rows.next();
            rows.updateString(2, "updated");
            rows.updateRow();
            connection.commit();
        }
    }
}
