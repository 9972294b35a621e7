package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/settings"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Base is what all products stand on.
type Base struct {
	Mu             sync.Mutex // guards the state of all products; held for the whole of a request
	Clock          *clock.Clock
	Mint           *store.Mint
	Settings       settings.Settings
	OrganizationID string // the id of the one that this is
	Access         Access

	// Running is done once the emulator is closed.
	Running context.Context //nolint:containedctx // deployments and crons outlive the request that starts them
}

// Call is one authenticated request to the API while it is being served; the
// emulator's lock is held.
type Call struct {
	*Base
	Request *http.Request
	body    []byte
	Now     time.Time
	Region  string // of a regional product, else ""
	who     *Caller
	Needs   permission.Need
}

// Handle registers one route. pattern is that of http.ServeMux; {region} in it
// makes the route regional. serve returns the object to send with 200, or nil
// for 204 without a body; the lock is held meanwhile.
func (b *Base) Handle(mux *http.ServeMux, pattern string, needs permission.Need, serve func(*Call) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			wire.WriteError(w, wire.Message(http.StatusBadRequest, "cannot read the request"))
			return
		}
		b.Mu.Lock()
		defer b.Mu.Unlock()
		c := &Call{Base: b, Request: r, body: body, Now: b.Clock.Now(), Region: r.PathValue("region"), Needs: needs}
		answer, err := c.serve(serve)
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteAnswer(w, answer)
	})
}

func (c *Call) serve(serve func(*Call) (any, error)) (any, error) {
	who, err := c.Access.Identify(c.Request.Header.Get("X-Auth-Token"), c.Needs, c.Now)
	if err != nil {
		return nil, err
	}
	c.who = who
	traffic.Noted(c.Request).AccessKey = who.AccessKey
	return serve(c)
}

// Decode reads the request's JSON body into v; unknown fields are ignored, as
// the real API does.
func (c *Call) Decode(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return wire.Message(http.StatusBadRequest, "invalid JSON in the request's body: %v", err)
	}
	return nil
}
