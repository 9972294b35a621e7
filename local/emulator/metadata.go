package emulator

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// routeMetadata serves what the SDK asks after every call that returned an
// object with an SRN, until it is answered once (FACTS section 7). It takes no
// key: the SDK sends one, but nothing there is worth protecting.
func (e *Emulator) routeMetadata(mux *http.ServeMux) {
	mux.HandleFunc("GET /metadata", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteAnswer(w, wire.Object{"platform": "external", "partition": "scw", "domain": "scw.eu"})
	})
}
