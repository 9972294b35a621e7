// Package rotator is the function as Scaleway's platform calls it: Handle must
// stand in a file at the module's root. Everything else is in handler and
// internal.
package rotator

import (
	"net/http"
	"os"
	"runtime/debug"
	"sync"

	"github.com/scw-key-rotator/rotator/handler"
)

// served is built on the first call: a wrong configuration is then an answer
// that says so, not an instance that does not start.
var served = sync.OnceValue(func() http.Handler { //nolint:gochecknoglobals // the platform calls a plain function
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	return handler.New(os.Environ(), os.Stdout, handler.Options{})
})

// gcPercent keeps the memory of the largest project well below 64 MiB, in an
// instance where comparing a hash takes another 64.
const gcPercent = 50

// Handle does one run and answers with its report. POST runs, GET only looks;
// docs/operations.md has the request, docs/report.md the report.
func Handle(w http.ResponseWriter, r *http.Request) { served().ServeHTTP(w, r) }
