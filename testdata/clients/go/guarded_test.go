package clients

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-adbc/go/adbc"
	driver "github.com/apache/arrow-adbc/go/adbc/driver/flightsql"
	"github.com/apache/arrow-adbc/go/adbc/validation"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// said is what the environment says of the server with TLS and a file of users.
func said(t *testing.T, name string) string {
	value := os.Getenv(name)
	require.NotEmpty(t, value, name)
	return value
}

// authority is the certificate in the file that a variable names.
func authority(t *testing.T, name string) string {
	pem, err := os.ReadFile(said(t, name))
	require.NoError(t, err)
	return string(pem)
}

// loggedIn are the options of a user who trusts the server.
func loggedIn(t *testing.T) map[string]string {
	return map[string]string{
		adbc.OptionKeyURI:         "grpc+tls://" + said(t, "MESHWEAVE_GUARDED"),
		adbc.OptionKeyUsername:    said(t, "MESHWEAVE_USER"),
		adbc.OptionKeyPassword:    said(t, "MESHWEAVE_PASSWORD"),
		driver.OptionSSLRootCerts: authority(t, "MESHWEAVE_CA"),
	}
}

// with are those options with others in their place; an empty one is left out.
func with(t *testing.T, others map[string]string) map[string]string {
	options := loggedIn(t)
	for name, value := range others {
		if value == "" {
			delete(options, name)
		} else {
			options[name] = value
		}
	}
	return options
}

// open connects, and closes all at the end of the test.
func open(t *testing.T, options map[string]string) (adbc.Connection, error) {
	db, err := driver.NewDriver(memory.DefaultAllocator).NewDatabase(options)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { validation.CheckedClose(t, db) })
	connection, err := db.Open(context.Background())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { validation.CheckedClose(t, connection) })
	return connection, nil
}

// rows runs a statement and counts its rows.
func rows(t *testing.T, connection adbc.Connection, sql string, bound arrow.RecordBatch) (int64, error) {
	statement, err := connection.NewStatement()
	require.NoError(t, err)
	defer validation.CheckedClose(t, statement)
	require.NoError(t, statement.SetSqlQuery(sql))
	if bound != nil {
		require.NoError(t, statement.Prepare(context.Background()))
		require.NoError(t, statement.Bind(context.Background(), bound))
	}
	reader, _, err := statement.ExecuteQuery(context.Background())
	if err != nil {
		return 0, err
	}
	defer reader.Release()
	count := int64(0)
	for reader.Next() {
		count += reader.RecordBatch().NumRows()
	}
	return count, reader.Err()
}

// asked connects and runs a statement.
func asked(t *testing.T, options map[string]string) error {
	connection, err := open(t, options)
	if err != nil {
		return err
	}
	_, err = rows(t, connection, "SELECT 1", nil)
	return err
}

// refused is the status and the text of an error.
func refused(t *testing.T, err error) (adbc.Status, string) {
	var told adbc.Error
	require.Error(t, err)
	require.True(t, errors.As(err, &told), "%T: %v", err, err)
	return told.Code, told.Msg
}

// bearer is the token of a login that another client made.
func bearer(t *testing.T) string {
	secured, err := credentials.NewClientTLSFromFile(said(t, "MESHWEAVE_CA"), "")
	require.NoError(t, err)
	client, err := flight.NewClientWithMiddleware(said(t, "MESHWEAVE_GUARDED"), nil, nil, grpc.WithTransportCredentials(secured))
	require.NoError(t, err)
	defer client.Close()
	ctx, err := client.AuthenticateBasicToken(context.Background(), said(t, "MESHWEAVE_USER"), said(t, "MESHWEAVE_PASSWORD"))
	require.NoError(t, err)
	sent, _ := metadata.FromOutgoingContext(ctx)
	require.Len(t, sent.Get("authorization"), 1)
	return sent.Get("authorization")[0]
}

func TestGuardedComesIn(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"a user and a password": loggedIn(t),
		"any certificate":       with(t, map[string]string{driver.OptionSSLRootCerts: "", driver.OptionSSLSkipVerify: adbc.OptionValueEnabled}),
		"the token of a login": with(t, map[string]string{
			adbc.OptionKeyUsername: "", adbc.OptionKeyPassword: "", driver.OptionAuthorizationHeader: bearer(t),
		}),
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, asked(t, options)) })
	}
}

func TestGuardedWorks(t *testing.T) {
	connection, err := open(t, loggedIn(t))
	require.NoError(t, err)
	t.Run("what a team may read", func(t *testing.T) {
		count, err := rows(t, connection, "SELECT order_id FROM commerce.orders LIMIT 3", nil)
		require.NoError(t, err)
		require.EqualValues(t, 3, count)
	})
	t.Run("a prepared statement with a parameter", func(t *testing.T) {
		columns := arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64}}, nil)
		builder := array.NewRecordBuilder(memory.DefaultAllocator, columns)
		defer builder.Release()
		builder.Field(0).(*array.Int64Builder).AppendValues([]int64{1, 3}, nil)
		bound := builder.NewRecordBatch()
		defer bound.Release()
		count, err := rows(t, connection, "SELECT r_name FROM reference.region WHERE r_regionkey < ?", bound)
		require.NoError(t, err)
		require.EqualValues(t, 1+3, count)
	})
	t.Run("metadata", func(t *testing.T) {
		commerce := "commerce"
		reader, err := connection.GetObjects(context.Background(), adbc.ObjectDepthTables, nil, &commerce, nil, nil, nil)
		require.NoError(t, err)
		defer reader.Release()
		require.True(t, reader.Next())
		require.Contains(t, reader.RecordBatch().Column(1).String(), `"orders"`)
	})
	t.Run("what a stranger may not read is not there", func(t *testing.T) {
		stranger, err := open(t, with(t, map[string]string{
			adbc.OptionKeyUsername: said(t, "MESHWEAVE_STRANGER"), adbc.OptionKeyPassword: said(t, "MESHWEAVE_STRANGERS_PASSWORD"),
		}))
		require.NoError(t, err)
		_, err = rows(t, stranger, "SELECT * FROM identity.login_events", nil)
		status, text := refused(t, err)
		require.Equal(t, adbc.StatusNotFound, status, text)
	})
}

func TestGuardedStaysOutside(t *testing.T) {
	for name, others := range map[string]map[string]string{
		"a wrong password": {adbc.OptionKeyPassword: "p:w"},
		"an unknown user":  {adbc.OptionKeyUsername: "nobody"},
		"no login":         {adbc.OptionKeyUsername: "", adbc.OptionKeyPassword: ""},
		"a token that nobody gave": {
			adbc.OptionKeyUsername: "", adbc.OptionKeyPassword: "", driver.OptionAuthorizationHeader: "Bearer nobody",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := refused(t, asked(t, with(t, others)))
			require.Equal(t, adbc.StatusUnauthenticated, status, text)
			require.Contains(t, text, "not authenticated")
		})
	}
}

func TestGuardedTrustsNobodyElse(t *testing.T) {
	address := said(t, "MESHWEAVE_GUARDED")
	for name, others := range map[string]map[string]string{
		"a certificate of another authority":         {driver.OptionSSLRootCerts: authority(t, "MESHWEAVE_OTHER_CA")},
		"a certificate of an authority nobody knows": {driver.OptionSSLRootCerts: ""},
		"a certificate for another name":             {adbc.OptionKeyURI: "grpc+tls://localhost" + address[strings.Index(address, ":"):]},
	} {
		t.Run(name, func(t *testing.T) {
			_, text := refused(t, asked(t, with(t, others)))
			require.Contains(t, text, "certificate")
		})
	}
	t.Run("a connection without encryption", func(t *testing.T) {
		_, text := refused(t, asked(t, with(t, map[string]string{adbc.OptionKeyURI: "grpc+tcp://" + address})))
		require.NotEmpty(t, text)
	})
}
