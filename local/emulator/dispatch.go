package emulator

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// call is a call of some product.
type call struct {
	*api.Call
	*Emulator
}

// endpoint serves one route. It returns the object to send with 200, or nil
// for 204 without a body.
type endpoint func(c *call) (any, error)

// handle registers one route.
func (e *Emulator) handle(mux *http.ServeMux, pattern string, needs permission.Need, serve endpoint) {
	e.base.Handle(mux, pattern, needs, func(c *api.Call) (any, error) { return serve(&call{c, e}) })
}

// routes registers every route that exists. What is not here answers as an API
// gateway does; it is counted, and shows in the history as unknown.
func (e *Emulator) routes() *http.ServeMux {
	mux := http.NewServeMux()
	e.routeMetadata(mux)
	e.account.Route(mux, e.iam, e.secrets)
	e.iam.Route(mux)
	e.secrets.Route(mux)
	e.routeFunctions(mux)
	e.routeContainers(mux)
	e.routeContainersV1(mux)
	mux.HandleFunc("PUT /upload/{name}", e.receive)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.NotFound("route", e.traffic.Unknown(r)))
	})
	return mux
}
