import java.io.ByteArrayInputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import org.postgresql.PGConnection;

/**
 * The rows by pgjdbc: every value by setString, or by an object of its own type, in each mode of
 * queries, with binary transfer from the first execution on; batches, rewritten and not; CopyManager.
 * See tests/clients/traps.rs.
 */
public class TrapsPgjdbc {
    static final String[] HOST_PORT_USER_DATABASE = new String[4];
    static String[] names;
    static String[] types;
    static boolean cast;
    static final List<String[]> ROWS = new ArrayList<>();

    interface Binder {
        void bind(PreparedStatement statement, int place, String name, String text) throws SQLException;
    }

    public static void main(String[] args) throws Exception {
        System.arraycopy(args, 0, HOST_PORT_USER_DATABASE, 0, 4);
        String[] columns = args[4].split(";");
        names = new String[columns.length];
        types = new String[columns.length];
        for (int i = 0; i < columns.length; i++) {
            names[i] = columns[i].split(" ", 2)[0];
            types[i] = columns[i].split(" ", 2)[1];
        }
        cast = args[5].equals("cast");
        read();
        for (String mode : new String[] {"simple", "extended", "extendedForPrepared"}) {
            // The driver refuses U+0000 in what it writes into the text of a statement.
            boolean refusesNul = mode.equals("simple");
            try (Connection connection = connect("preferQueryMode", mode, "prepareThreshold", "1")) {
                insert(connection, mode + "_strings", TrapsPgjdbc::asString, refusesNul, 1);
                insert(connection, mode + "_own", TrapsPgjdbc::asOwn, refusesNul, 1);
            }
            for (String rewrite : new String[] {"false", "true"}) {
                try (Connection connection = connect("preferQueryMode", mode, "prepareThreshold", "1",
                        "reWriteBatchedInserts", rewrite)) {
                    String name = mode + "_batch" + (rewrite.equals("true") ? "_rewritten" : "");
                    insert(connection, name + "_strings", TrapsPgjdbc::asString, refusesNul, 13);
                    insert(connection, name + "_own", TrapsPgjdbc::asOwn, refusesNul, 13);
                }
            }
        }
        try (Connection connection = connect()) {
            copy(connection, way(connection, "copy_text"), "", TrapsPgjdbc::textField, "\t");
            copy(connection, way(connection, "copy_csv"), "WITH DELIMITER ',' CSV NULL 'attNULL' ESCAPE '\\'",
                    TrapsPgjdbc::csvField, ",");
        }
    }

    static void read() throws Exception {
        String input = new String(System.in.readAllBytes(), StandardCharsets.US_ASCII);
        for (String line : input.split("\n")) {
            String[] fields = line.split(" ");
            for (int i = 1; i < fields.length; i++) {
                fields[i] = fields[i].equals("-") ? null
                        : new String(HexFormat.of().parseHex(fields[i].substring(1)), StandardCharsets.UTF_8);
            }
            ROWS.add(fields);
        }
    }

    static Connection connect(String... options) throws SQLException {
        String[] where = HOST_PORT_USER_DATABASE;
        Properties properties = new Properties();
        properties.setProperty("user", where[2]);
        for (int i = 0; i < options.length; i += 2) {
            properties.setProperty(options[i], options[i + 1]);
        }
        return DriverManager.getConnection("jdbc:postgresql://" + where[0] + ":" + where[1] + "/" + where[3], properties);
    }

    static String way(Connection connection, String name) throws SQLException {
        StringBuilder sql = new StringBuilder("CREATE TABLE " + name + " (n int");
        for (int i = 0; i < names.length; i++) {
            sql.append(", ").append(names[i]).append(" ").append(types[i]);
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql.append(")").toString());
        }
        System.out.println(name);
        return name;
    }

    static void insert(Connection connection, String name, Binder binder, boolean refusesNul, int batch)
            throws SQLException {
        StringBuilder sql = new StringBuilder("INSERT INTO " + way(connection, name) + " VALUES (?");
        for (String type : types) {
            sql.append(cast ? ", (?)::" + type.replace("boolean", "int::boolean") : ", ?");
        }
        try (PreparedStatement statement = connection.prepareStatement(sql.append(")").toString())) {
            int waiting = 0;
            for (String[] row : ROWS) {
                if (refusesNul && String.join("", row).contains("\0")) {
                    continue;
                }
                statement.setInt(1, Integer.parseInt(row[0]));
                for (int i = 0; i < names.length; i++) {
                    binder.bind(statement, i + 2, names[i], row[i + 1]);
                }
                if (batch == 1) {
                    statement.executeUpdate();
                    continue;
                }
                statement.addBatch();
                if (++waiting % batch == 0) {
                    statement.executeBatch();
                }
            }
            if (batch > 1) {
                statement.executeBatch();
            }
        }
    }

    /** Everything is a varchar: what a tool sends that knows nothing of types. */
    static void asString(PreparedStatement statement, int place, String name, String text) throws SQLException {
        statement.setString(place, name.equals("ar") && text != null ? arrayLiteral(text) : text);
    }

    /** Objects of the types that a source would have; a boolean comes as a number. */
    static void asOwn(PreparedStatement statement, int place, String name, String text) throws SQLException {
        if (text == null) {
            // As tools do that know no better.
            statement.setNull(place, Types.VARCHAR);
            return;
        }
        switch (name) {
            case "b" -> {
                // In simple mode this driver cannot write bytea.
                if (isSimple(statement)) {
                    statement.setString(place, text);
                } else {
                    statement.setBytes(place, HexFormat.of().parseHex(text.substring(2)));
                }
            }
            case "u" -> statement.setObject(place, UUID.fromString(text));
            case "ts" -> statement.setObject(place, LocalDateTime.parse(text.replace(' ', 'T')));
            case "d9" -> {
                // Of six digits there is a timestamp, and of nine there is none.
                boolean isTimestamp = text.length() == 26;
                statement.setObject(place, isTimestamp ? LocalDateTime.parse(text.replace(' ', 'T')) : text);
            }
            case "tz" -> statement.setObject(place,
                    OffsetDateTime.parse(text.replace(' ', 'T'), DateTimeFormatter.ISO_OFFSET_DATE_TIME));
            case "bo", "si" -> statement.setInt(place, Integer.parseInt(text));
            case "nu" -> statement.setBigDecimal(place, new BigDecimal(text));
            case "bi" -> statement.setLong(place, Long.parseLong(text));
            case "ar" -> statement.setArray(place, statement.getConnection().createArrayOf("text", elements(text)));
            default -> statement.setObject(place, text);
        }
    }

    static boolean isSimple(PreparedStatement statement) throws SQLException {
        return statement.getConnection().unwrap(PGConnection.class).getPreferQueryMode().value().equals("simple");
    }

    static String[] elements(String text) {
        return text.isEmpty() ? new String[0] : text.split("\u001f", -1);
    }

    static String arrayLiteral(String text) {
        List<String> quoted = new ArrayList<>();
        for (String element : elements(text)) {
            quoted.add('"' + element.replace("\\", "\\\\").replace("\"", "\\\"") + '"');
        }
        return "{" + String.join(",", quoted) + "}";
    }

    interface Field {
        String of(String text);
    }

    static String textField(String text) {
        return text == null ? "\\N"
                : text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
                        .replaceAll("\0(?![0-9a-fA-F])", "\\\\x0").replaceAll("\0", "\\\\000");
    }

    /** As AWS DMS writes it: a backslash escapes a quote and itself. */
    static String csvField(String text) {
        return text == null ? "attNULL" : '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    static void copy(Connection connection, String name, String options, Field field, String delimiter)
            throws Exception {
        StringBuilder rows = new StringBuilder();
        for (String[] row : ROWS) {
            rows.append(row[0]);
            for (int i = 0; i < names.length; i++) {
                String text = row[i + 1];
                rows.append(delimiter).append(field.of(names[i].equals("ar") && text != null ? arrayLiteral(text) : text));
            }
            rows.append("\n");
        }
        byte[] bytes = rows.toString().getBytes(StandardCharsets.UTF_8);
        connection.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY " + name + " FROM STDIN " + options,
                new ByteArrayInputStream(bytes), 13);
    }
}
