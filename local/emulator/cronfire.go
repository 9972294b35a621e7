package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// fireCrons calls what crons call when their time comes on the emulator's
// clock, until ctx is done.
//
// A clock that is moved passes many of a cron's minutes at once; the cron then
// fires once, not once for each: every such call would see the same present
// (A76).
func (e *Emulator) fireCrons(ctx context.Context) {
	for seen := e.base.Clock.Now(); ; {
		if e.base.Clock.Until(ctx, seen.Truncate(time.Minute).Add(time.Minute)) != nil {
			return
		}
		now := e.base.Clock.Now()
		for _, call := range e.dueCrons(seen, now) {
			e.background.Go(func() { call(ctx) })
		}
		seen = now
	}
}

// dueCrons returns the calls of crons that were due after one time and not
// after another.
func (e *Emulator) dueCrons(after, now time.Time) []func(context.Context) {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	var calls []func(context.Context)
	for _, p := range e.products(now) {
		for _, k := range p.crons.All(func(k *cron) bool { return k.status == statusReady }) {
			from := after
			if k.since.After(from) {
				from = k.since
			}
			s, err := clock.ParseSchedule(k.schedule)
			if err != nil {
				continue // from a seed
			}
			if due := s.Next(from); !due.IsZero() && !due.After(now) {
				args, _ := json.Marshal(k.args) // it came as JSON
				calls = append(calls, func(ctx context.Context) { e.fire(ctx, p, k.workload, args) })
			}
		}
	}
	return calls
}

// fire calls a workload as the platform does, which needs no key. The answer
// is nobody's; the history has its status.
func (e *Emulator) fire(ctx context.Context, p *product, w *workload, args []byte) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+w.host+"/", bytes.NewReader(args))
	if err != nil {
		return // no host is such that this happens
	}
	r.Header.Set("Content-Type", "application/json")
	inside := e.traffic.Observe(gatewayServer, http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		e.base.Mu.Lock()
		if gone := w.settle(e.base.Clock.Now()); gone || w.runs() == nil {
			e.base.Mu.Unlock()
			unavailable().write(answer)
			return
		}
		behind := e.behind(r, entrance{product: p, workload: w})
		e.base.Mu.Unlock()
		behind.ServeHTTP(answer, r)
	}))
	traffic.Send(inside, r)
}
