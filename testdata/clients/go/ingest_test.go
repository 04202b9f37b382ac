package clients

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-adbc/go/adbc"
	"github.com/apache/arrow-adbc/go/adbc/validation"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"
)

// one and two are the columns of tables that do not fit each other.
var (
	one = arrow.NewSchema([]arrow.Field{{Name: "int64s", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	two = arrow.NewSchema([]arrow.Field{
		{Name: "int64s", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "strings", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
)

// ingesting is one connection, and the table that it ingests into.
type ingesting struct {
	*testing.T
	quirks     *quirks
	connection adbc.Connection
}

func newIngesting(t *testing.T) *ingesting {
	q := newQuirks(t)
	driver := q.SetupDriver(t)
	db, err := driver.NewDatabase(q.DatabaseOptions())
	require.NoError(t, err)
	connection, err := db.Open(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() {
		validation.CheckedClose(t, connection)
		validation.CheckedClose(t, db)
		// The driver never gives back the rows that were bound, so what is still allocated says nothing.
	})
	return &ingesting{t, q, connection}
}

// ingest sends rows as JSON into the table, and gives how many there were.
func (i *ingesting) ingest(mode string, schema *arrow.Schema, rows string) (int64, error) {
	batch, _, err := array.RecordFromJSON(i.quirks.Alloc(), schema, strings.NewReader(rows))
	require.NoError(i, err)
	defer batch.Release()
	statement, err := i.connection.NewStatement()
	require.NoError(i, err)
	defer validation.CheckedClose(i.T, statement)
	require.NoError(i, statement.SetOption(adbc.OptionKeyIngestTargetTable, "bulk_ingest"))
	require.NoError(i, statement.SetOption(adbc.OptionKeyIngestMode, mode))
	require.NoError(i, statement.Bind(context.Background(), batch))
	return statement.ExecuteUpdate(context.Background())
}

// expect compares the whole table with rows as JSON.
func (i *ingesting) expect(schema *arrow.Schema, rows string) {
	expected, _, err := array.RecordFromJSON(i.quirks.Alloc(), schema, strings.NewReader(rows))
	require.NoError(i, err)
	defer expected.Release()
	statement, err := i.connection.NewStatement()
	require.NoError(i, err)
	defer validation.CheckedClose(i.T, statement)
	require.NoError(i, statement.SetSqlQuery(`SELECT * FROM "bulk_ingest" ORDER BY "int64s" DESC NULLS LAST`))
	reader, _, err := statement.ExecuteQuery(context.Background())
	require.NoError(i, err)
	defer reader.Release()
	require.True(i, reader.Next())
	got := reader.RecordBatch()
	require.EqualValues(i, expected.NumRows(), got.NumRows())
	for column := range expected.Columns() {
		require.Truef(i, array.Equal(expected.Column(column), got.Column(column)), "expected %s, got %s", expected, got)
	}
	require.False(i, reader.Next())
	require.NoError(i, reader.Err())
}

func (i *ingesting) accepted(mode string, schema *arrow.Schema, rows string, count int64) {
	got, err := i.ingest(mode, schema, rows)
	require.NoError(i, err)
	require.Equal(i, count, got)
}

func (i *ingesting) refused(mode string, schema *arrow.Schema, rows string, code adbc.Status) {
	_, err := i.ingest(mode, schema, rows)
	var refusal adbc.Error
	require.True(i, errors.As(err, &refusal), "%v", err)
	require.Equal(i, code, refusal.Code, refusal.Msg)
}

func TestIngest(t *testing.T) {
	const create, replace = adbc.OptionValueIngestModeCreate, adbc.OptionValueIngestModeReplace
	const add, createAppend = adbc.OptionValueIngestModeAppend, adbc.OptionValueIngestModeCreateAppend
	const three = `[{"int64s": 42}, {"int64s": -42}, {"int64s": null}]`
	t.Run("create", func(t *testing.T) {
		i := newIngesting(t)
		i.accepted(create, one, three, 3)
		i.expect(one, three)
		i.refused(create, one, three, adbc.StatusAlreadyExists)
		i.expect(one, three)
	})
	t.Run("append", func(t *testing.T) {
		i := newIngesting(t)
		i.refused(add, one, three, adbc.StatusNotFound)
		i.accepted(create, one, `[{"int64s": 42}]`, 1)
		i.accepted(add, one, `[{"int64s": -42}, {"int64s": null}]`, 2)
		i.expect(one, three)
		i.refused(add, two, `[{"int64s": 1, "strings": "more"}]`, adbc.StatusNotFound)
		i.expect(one, three)
	})
	t.Run("replace", func(t *testing.T) {
		i := newIngesting(t)
		i.accepted(replace, one, three, 3)
		i.accepted(replace, two, `[{"int64s": 7, "strings": "new"}]`, 1)
		i.expect(two, `[{"int64s": 7, "strings": "new"}]`)
	})
	t.Run("create or append", func(t *testing.T) {
		i := newIngesting(t)
		i.accepted(createAppend, one, `[{"int64s": 42}]`, 1)
		i.accepted(createAppend, one, `[{"int64s": 42}]`, 1)
		i.expect(one, `[{"int64s": 42}, {"int64s": 42}]`)
	})
}
