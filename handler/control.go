package handler

import (
	"net/http"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/run"
)

// ControlHeader is the request's header that holds the control secret.
const ControlHeader = "X-Rotator-Control"

// wholeReport tells a caller without the control secret how to see more.
const wholeReport = "the whole report is for who sends ROTATOR_CONTROL_SECRET in " + ControlHeader + "; the run's findings are in the function's log, by run_id"

// authority is what a caller may ask for.
type authority int

const (
	plain   authority = iota // a plain run or dry run, of all steps or some; no control secret was sent
	wrong                    // nothing: a control secret was sent that is not the right one
	control                  // everything
)

// authority tells what the caller may ask for. It takes the secrets out of the
// request: the platform's runtime copies a request's headers into the response.
func (h *Handler) authority(r *http.Request) authority {
	sent := r.Header.Values(ControlHeader)
	r.Header.Del(ControlHeader)
	r.Header.Del("X-Auth-Token")
	switch {
	case len(sent) == 0:
		return plain
	case len(sent) == 1 && !h.cfg.ControlSecret.Empty() && h.cfg.ControlSecret.Equal(redact.New(sent[0])):
		return control
	}
	return wrong
}

// allowed refuses what a caller may not ask for. Nothing tells a cron's call from
// another, and a cron can send no header: so a body may choose steps without one.
func (h *Handler) allowed(may authority, req run.Request) error {
	const set = "set the secret variable ROTATOR_CONTROL_SECRET of the function (openssl rand -hex 32 makes one), and send it in " + ControlHeader
	switch {
	case may == control:
		return nil
	case may == wrong && h.cfg.ControlSecret.Empty():
		return &failure{http.StatusForbidden, ControlHeader + " was sent, and the function has no control secret", set}
	case may == wrong:
		return &failure{http.StatusForbidden, ControlHeader + " is not the function's control secret", "send what ROTATOR_CONTROL_SECRET holds, or no such header for a plain run"}
	}
	var beyond []string
	for name, asked := range map[string]bool{
		"applications": len(req.Applications) > 0, "force": req.Force, "now": req.Now, "revoke": len(req.Revoke) > 0, "rollback": len(req.Rollback) > 0,
	} {
		if asked {
			beyond = append(beyond, name)
		}
	}
	if len(beyond) == 0 {
		return nil
	}
	hint := "send what ROTATOR_CONTROL_SECRET holds in " + ControlHeader
	if h.cfg.ControlSecret.Empty() {
		hint = set
	}
	slices.Sort(beyond)
	return &failure{http.StatusForbidden, strings.Join(beyond, ", ") + ": needs the control secret", hint}
}
