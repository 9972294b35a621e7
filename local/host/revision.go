package host

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// revision is one version of a function, with its instances.
type revision struct {
	host *Host
	d    emulator.Deployment
	dir  string

	slots chan struct{}  // one for each request that is being served
	calls sync.WaitGroup // under way

	mu     sync.Mutex
	idle   []*instance // the one that was busy last at the end
	count  int         // of all instances, busy and starting ones too
	closed chan struct{}
}

func newRevision(h *Host, d emulator.Deployment, dir string) *revision {
	return &revision{host: h, d: d, dir: dir, slots: make(chan struct{}, d.MaxScale), closed: make(chan struct{})}
}

// open starts the first instances, and looks after idle ones until Close.
func (r *revision) open(ctx context.Context) error {
	for range min(max(1, r.d.MinScale), r.d.MaxScale) {
		i, err := r.start(ctx)
		if err != nil {
			return err
		}
		r.release(i)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		<-r.closed
		cancel()
	}()
	go r.reap(life)
	return nil
}

// start makes a new instance. The caller holds a slot, or is the first.
func (r *revision) start(ctx context.Context) (*instance, error) {
	r.mu.Lock()
	r.count++
	r.mu.Unlock()
	i, err := startInstance(ctx, r)
	if err != nil {
		r.lost(1)
	}
	return i, err
}

func (r *revision) lost(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count -= n
}

// take returns an instance that is idle, or a new one. There are never more
// than slots: a new one is made only when all others are busy.
func (r *revision) take(ctx context.Context) (*instance, error) {
	for {
		i := r.pop()
		if i == nil {
			return r.start(ctx)
		}
		if i.runs() {
			return i, nil
		}
		r.lost(1)
	}
}

func (r *revision) pop() *instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	i := r.idle[len(r.idle)-1]
	r.idle = r.idle[:len(r.idle)-1]
	return i
}

// release gives an instance back; it ends one that has nothing more to do.
func (r *revision) release(i *instance) {
	r.mu.Lock()
	ends := r.isClosed() || !i.runs()
	if ends {
		r.count--
	} else {
		i.since = r.host.options.Clock.Now()
		r.idle = append(r.idle, i)
	}
	r.mu.Unlock()
	if ends {
		i.end()
	}
}

func (r *revision) isClosed() bool {
	select {
	case <-r.closed:
		return true
	default:
		return false
	}
}

// reap ends instances that have been idle for long enough on the emulator's
// clock. None that becomes idle meanwhile is due before it looks again.
func (r *revision) reap(ctx context.Context) {
	for {
		due, next := r.overdue(r.host.options.Clock.Now())
		for _, i := range due {
			i.end()
		}
		if r.host.options.Clock.Until(ctx, next) != nil {
			return
		}
	}
}

// overdue takes out what has been idle for too long at now, and says when to
// look again.
func (r *revision) overdue(now time.Time) (due []*instance, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = now.Add(idleSurplus) // what is the last one now may be surplus by then
	for len(r.idle) > 0 && r.count > r.d.MinScale {
		limit := idleSurplus
		if r.count == 1 {
			limit = idleLast
		}
		if end := r.idle[0].since.Add(limit); end.After(now) {
			if end.Before(next) {
				next = end
			}
			return due, next
		}
		due = append(due, r.idle[0])
		r.idle = slices.Delete(r.idle, 0, 1)
		r.count--
	}
	return due, next
}

// Close implements emulator.Revision. The second time it does nothing.
func (r *revision) Close() {
	r.mu.Lock()
	if r.isClosed() {
		r.mu.Unlock()
		return
	}
	close(r.closed)
	idle := r.idle
	r.idle, r.count = nil, r.count-len(r.idle)
	r.mu.Unlock()
	for _, i := range idle {
		i.end()
	}
	r.calls.Wait()
	r.host.remove(r)
}

// answer is what a caller gets.
type answer struct {
	status int // 0: the caller has gone
	header http.Header
	body   []byte
}

// said is an answer of the platform itself, in the words of its proxy.
func said(status int, text string) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte(text)}
}

func timedOut() answer { return said(http.StatusGatewayTimeout, "upstream request timeout") }

func broken() answer {
	return said(http.StatusServiceUnavailable, "upstream connect error or disconnect/reset before headers. reset reason: connection termination")
}
