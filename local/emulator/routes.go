package emulator

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// routes registers every route that exists. What is not here answers as an API
// gateway does; it is counted, and shows in the history as unknown.
func (e *Emulator) routes() *http.ServeMux {
	mux := http.NewServeMux()
	e.routeMetadata(mux)
	e.account.Route(mux, e.iam, e.secrets)
	e.iam.Route(mux)
	e.secrets.Route(mux)
	e.serverless.Route(mux)
	e.mail.Route(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.NotFound("route", e.traffic.Unknown(r)))
	})
	return mux
}

// routeMetadata serves what the SDK asks after every call that returned an
// object with an SRN, until it is answered once (docs/scaleway.md, Metadata). It
// takes no key: the SDK sends one, but nothing there is worth protecting.
func (e *Emulator) routeMetadata(mux *http.ServeMux) {
	mux.HandleFunc("GET /metadata", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteAnswer(w, wire.Object{"platform": "external", "partition": "scw", "domain": "scw.eu"})
	})
}
