package gateway

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// FireCrons calls what crons call when their time comes on the emulator's clock,
// until ctx is done; it returns once all those calls have ended.
//
// A clock that is moved passes many of a cron's minutes at once; the cron then
// fires once, not once for each: every such call would see the same present
// (A76).
func (g *Gateway) FireCrons(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for seen := g.base.Clock.Now(); ; {
		if g.base.Clock.Until(ctx, seen.Truncate(time.Minute).Add(time.Minute)) != nil {
			return
		}
		now := g.base.Clock.Now()
		g.base.Mu.Lock()
		due := g.behind.DueCrons(seen, now)
		g.base.Mu.Unlock()
		for _, cron := range due {
			calls.Go(func() { g.fire(ctx, cron) })
		}
		seen = now
	}
}

// fire calls a workload as the platform does, which needs no key. The answer
// is nobody's; the history has its status.
func (g *Gateway) fire(ctx context.Context, cron serverless.Due) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+cron.Host()+"/", bytes.NewReader(cron.Args))
	if err != nil {
		return // no host is such that this happens
	}
	r.Header.Set("Content-Type", "application/json")
	inside := g.traffic.Observe(serverName, http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		g.base.Mu.Lock()
		if cron.Gone(g.base.Clock.Now()) || !cron.Serves() {
			g.base.Mu.Unlock()
			unavailable().write(answer)
			return
		}
		behind := cron.Behind(r)
		g.base.Mu.Unlock()
		behind.ServeHTTP(answer, r)
	}))
	traffic.Send(inside, r)
}
