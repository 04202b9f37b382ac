// Package clients runs ADBC's own validation suite, with ADBC's Flight SQL driver, against a server that runs already.
//
// In: MESHWEAVE_URI, the server's address. Out: the results of go test.
// Holds always:
//   - tables live in the schema temp of a session; each test has a session of its own, named by its bearer;
//   - a feature that is declared as absent is absent in the driver or in the protocol, never only in the server.
//
// Start reading at quirks.
package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-adbc/go/adbc"
	driver "github.com/apache/arrow-adbc/go/adbc/driver/flightsql"
	"github.com/apache/arrow-adbc/go/adbc/validation"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"
	"github.com/stretchr/testify/suite"
)

const (
	catalog = "mesh"
	schema  = "temp"
)

// quirks tells the suite what this server and its driver can do.
type quirks struct {
	uri     string
	session string
	mem     *memory.CheckedAllocator
	// samples keeps the connections that made sample tables: closing one closes the session that holds them.
	samples []func() error
}

func (q *quirks) SetupDriver(*testing.T) adbc.Driver {
	q.mem = memory.NewCheckedAllocator(memory.DefaultAllocator)
	q.session = uuid.NewString()
	q.samples = nil
	return driver.NewDriver(q.mem)
}

func (q *quirks) TearDownDriver(t *testing.T, _ adbc.Driver) {
	for _, end := range q.samples {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	q.mem.AssertSize(t, 0)
}

func (q *quirks) DatabaseOptions() map[string]string {
	return map[string]string{
		adbc.OptionKeyURI:                           q.uri,
		driver.OptionAuthorizationHeader:            "Bearer " + q.session,
		driver.OptionRPCCallHeaderPrefix + "schema": schema,
	}
}

func sqlType(t arrow.DataType) (string, error) {
	switch t.ID() {
	case arrow.INT64:
		return "BIGINT", nil
	case arrow.STRING:
		return "VARCHAR", nil
	default:
		return "", fmt.Errorf("the suite has never asked for %s", t)
	}
}

// CreateSampleTable makes a table and binds the rows to an INSERT.
func (q *quirks) CreateSampleTable(table string, rows arrow.RecordBatch) (err error) {
	ctx := context.Background()
	db, err := driver.NewDriver(q.mem).NewDatabase(q.DatabaseOptions())
	if err != nil {
		return err
	}
	connection, err := db.Open(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	q.samples = append(q.samples, func() error { return errors.Join(connection.Close(), db.Close()) })
	var columns, places []string
	for _, field := range rows.Schema().Fields() {
		typed, err := sqlType(field.Type)
		if err != nil {
			return err
		}
		columns = append(columns, fmt.Sprintf("%q %s", field.Name, typed))
		places = append(places, "?")
	}
	if err = q.DropTable(connection, table); err != nil {
		return err
	}
	if err = update(connection, fmt.Sprintf("CREATE TABLE %q (%s)", table, strings.Join(columns, ", ")), nil); err != nil {
		return err
	}
	return update(connection, fmt.Sprintf("INSERT INTO %q VALUES (%s)", table, strings.Join(places, ", ")), rows)
}

func update(connection adbc.Connection, sql string, rows arrow.RecordBatch) (err error) {
	ctx := context.Background()
	statement, err := connection.NewStatement()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	if err = statement.SetSqlQuery(sql); err != nil {
		return err
	}
	if rows != nil {
		if err = statement.Prepare(ctx); err != nil {
			return err
		}
		if err = statement.Bind(ctx, rows); err != nil {
			return err
		}
	}
	_, err = statement.ExecuteUpdate(ctx)
	return err
}

func (q *quirks) DropTable(connection adbc.Connection, table string) error {
	return update(connection, fmt.Sprintf("DROP TABLE IF EXISTS %q", table), nil)
}

func (q *quirks) Alloc() memory.Allocator  { return q.mem }
func (q *quirks) BindParameter(int) string { return "?" }
func (q *quirks) Catalog() string          { return catalog }
func (q *quirks) DBSchema() string         { return schema }

// SupportsBulkIngest: the server does, and TestIngest shows it. The suite's tests query with the statement that has ingested, and the
// driver refuses that ("must set IngestTargetTable"), since it keeps the rows that were bound; so they cannot pass with any server.
func (q *quirks) SupportsBulkIngest(string) bool { return false }

func (q *quirks) SupportsConcurrentStatements() bool    { return true }
func (q *quirks) SupportsCurrentCatalogSchema() bool    { return true }
func (q *quirks) SupportsGetSetOptions() bool           { return true }
func (q *quirks) SupportsExecuteSchema() bool           { return true }
func (q *quirks) SupportsPartitionedData() bool         { return true }
func (q *quirks) SupportsGetParameterSchema() bool      { return true }
func (q *quirks) SupportsDynamicParameterBinding() bool { return true }

// SupportsErrorIngestIncompatibleSchema: as SupportsBulkIngest.
func (q *quirks) SupportsErrorIngestIncompatibleSchema() bool { return false }

// SupportsStatistics: Flight SQL has no command for statistics.
func (q *quirks) SupportsStatistics() bool { return false }

// SupportsTransactions: the server has none and says so.
func (q *quirks) SupportsTransactions() bool { return false }

func (q *quirks) GetMetadata(code adbc.InfoCode) interface{} {
	switch code {
	case adbc.InfoDriverName:
		return "ADBC Flight SQL Driver - Go"
	case adbc.InfoDriverVersion, adbc.InfoDriverArrowVersion:
		// The driver reads its versions from what its program was built of, which the program of a Go test does not hold.
		return "(unknown or development build)"
	case adbc.InfoDriverADBCVersion:
		return adbc.AdbcVersion1_1_0
	case adbc.InfoVendorName:
		return "Meshweave"
	case adbc.InfoVendorVersion:
		return locked("meshweave")
	case adbc.InfoVendorArrowVersion:
		return locked("arrow")
	}
	return nil
}

// locked is the version of a crate that the workspace is built with.
func locked(crate string) string {
	text, err := os.ReadFile("../../../Cargo.lock")
	if err != nil {
		return err.Error()
	}
	_, rest, _ := strings.Cut(string(text), fmt.Sprintf("name = %q\nversion = \"", crate))
	version, _, _ := strings.Cut(rest, "\"")
	return version
}

// SampleTableSchemaMetadata is what GetTables says of a column.
func (q *quirks) SampleTableSchemaMetadata(table string, t arrow.DataType) arrow.Metadata {
	told := map[string]string{
		flightsql.CatalogNameKey:     catalog,
		flightsql.SchemaNameKey:      schema,
		flightsql.TableNameKey:       table,
		flightsql.IsAutoIncrementKey: "0",
		flightsql.IsReadOnlyKey:      "0",
		flightsql.IsSearchableKey:    "1",
	}
	if t.ID() == arrow.STRING {
		told[flightsql.TypeNameKey] = "VARCHAR"
		told[flightsql.IsCaseSensitiveKey] = "1"
	} else {
		told[flightsql.TypeNameKey] = "BIGINT"
		told[flightsql.IsCaseSensitiveKey] = "0"
		told[flightsql.PrecisionKey] = "19"
		told[flightsql.ScaleKey] = "0"
	}
	return arrow.MetadataFrom(told)
}

func newQuirks(t *testing.T) *quirks {
	uri := os.Getenv("MESHWEAVE_URI")
	if uri == "" {
		t.Fatal("MESHWEAVE_URI names no server")
	}
	return &quirks{uri: uri}
}

func TestDatabase(t *testing.T)   { suite.Run(t, &validation.DatabaseTests{Quirks: newQuirks(t)}) }
func TestConnection(t *testing.T) { suite.Run(t, &validation.ConnectionTests{Quirks: newQuirks(t)}) }
func TestStatement(t *testing.T)  { suite.Run(t, &validation.StatementTests{Quirks: newQuirks(t)}) }
