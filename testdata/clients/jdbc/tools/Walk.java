import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import schemacrawler.schema.Catalog;
import schemacrawler.schema.Column;
import schemacrawler.schema.Schema;
import schemacrawler.schema.Table;
import schemacrawler.schemacrawler.LoadOptionsBuilder;
import schemacrawler.schemacrawler.SchemaCrawlerOptions;
import schemacrawler.schemacrawler.SchemaCrawlerOptionsBuilder;
import schemacrawler.schemacrawler.SchemaInfoLevelBuilder;
import schemacrawler.tools.utility.SchemaCrawlerUtility;
import us.fatehi.utility.datasource.DatabaseConnectionSource;
import us.fatehi.utility.datasource.DatabaseConnectionSources;
import us.fatehi.utility.datasource.MultiUseUserCredentials;

/** SchemaCrawler over the whole mesh, at its highest level: {@code java Walk URL}. Its picture must be that of the contracts. */
public final class Walk {
    private static int passed;
    private static int failed;

    private Walk() {}

    public static void main(String[] arguments) throws Exception {
        Logger.getLogger("").setLevel(Level.SEVERE);
        try (DatabaseConnectionSource source = DatabaseConnectionSources.newDatabaseConnectionSource(arguments[0], new MultiUseUserCredentials("analyst", "any"))) {
            look(SchemaCrawlerUtility.getCatalog(source, everything()));
        }
        System.out.println("# " + passed + " passed, " + failed + " failed");
        System.exit(passed > 0 && failed == 0 ? 0 : 1);
    }

    private static SchemaCrawlerOptions everything() {
        LoadOptionsBuilder load = LoadOptionsBuilder.builder().withSchemaInfoLevel(SchemaInfoLevelBuilder.maximum());
        return SchemaCrawlerOptionsBuilder.newSchemaCrawlerOptions().withLoadOptions(load.toOptions());
    }

    private static void look(Catalog catalog) {
        Set<String> schemas = catalog.getSchemas().stream().map(Schema::getName).collect(Collectors.toCollection(TreeSet::new));
        that(schemas.containsAll(List.of("commerce", "identity", "logistics", "lab", "mesh")), "the schemas are the domains", schemas);
        that(catalog.getDatabaseInfo().getDatabaseProductName().equals("Meshweave"), "the product's name", catalog.getDatabaseInfo());
        that(catalog.getTables().size() > 25, "tables", catalog.getTables().size());
        for (Table table : catalog.getTables()) {
            that(!table.getColumns().isEmpty(), "columns of " + table.getFullName(), table.getColumns());
        }
        Table items = table(catalog, "commerce", "orders.items");
        that(names(items.getPrimaryKey().getConstrainedColumns()).equals(List.of("order_id", "line")), "the primary key of orders.items", items.getPrimaryKey());
        Table orders = table(catalog, "commerce", "orders");
        that(orders.getImportedForeignKeys().size() == 1, "the foreign key of orders", orders.getImportedForeignKeys());
        that(table(catalog, "lab", "types").getColumns().size() == 36, "every type", table(catalog, "lab", "types").getColumns().size());
        Column total = orders.getColumns().stream().filter(column -> column.getName().equals("total")).findFirst().orElseThrow();
        that(total.getSize() == 12 && total.getDecimalDigits() == 2, "digits of a decimal", total);
    }

    private static Table table(Catalog catalog, String schema, String name) {
        // SchemaCrawler quotes names that need it.
        return catalog.getTables().stream()
            .filter(table -> table.getSchema().getName().equals(schema) && table.getName().replace("\"", "").equals(name))
            .findFirst().orElseThrow(() -> new AssertionError(schema + "." + name));
    }

    private static List<String> names(List<? extends Column> columns) {
        return columns.stream().map(Column::getName).toList();
    }

    private static void that(boolean holds, String what, Object seen) {
        System.out.println((holds ? "ok " : "not ok ") + what + (holds ? "" : ": " + seen));
        if (holds) {
            passed++;
        } else {
            failed++;
        }
    }
}
